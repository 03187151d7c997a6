"""Files, a Parquet table and a Delta table in a data lake, by adlfs, pyarrow and deltalake. Argument: the account."""

import json
import sys

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
from adlfs import AzureBlobFileSystem
from deltalake import DeltaTable, write_deltalake

TABLE = pa.table({"word": ["to", "be", "or"], "count": [2, 2, 1]})


def with_adlfs(account):
    lake = AzureBlobFileSystem(account_name=account, anon=False)
    with lake.open("data/in/words.txt", "wb") as file:
        file.write(b"to be or not to be" * 50_000)
    lake.pipe("data/in/more/small.txt", b"small")
    found = {"size": lake.size("data/in/words.txt"), "found": sorted(lake.find("data/in"))}
    found["listed"] = sorted(lake.ls("data/in", detail=False))
    found["begin"] = lake.cat_file("data/in/words.txt", start=0, end=5).decode()
    lake.mv("data/in/more/small.txt", "data/out/small.txt")
    found["moved"] = [lake.exists("data/in/more/small.txt"), lake.cat("data/out/small.txt").decode()]
    lake.rm("data/in", recursive=True)
    found["left"] = sorted(lake.find("data"))
    return found


def with_pyarrow(account):
    lake = pyarrow.fs.AzureFileSystem(account_name=account)
    lake.create_dir("data/tables/words")
    pyarrow.parquet.write_table(TABLE, "data/tables/words/part-0.parquet", filesystem=lake)
    read = pyarrow.parquet.read_table("data/tables/words", filesystem=lake)
    listed = lake.get_file_info(pyarrow.fs.FileSelector("data/tables", recursive=True))
    lake.delete_file("data/tables/words/part-0.parquet")
    return {"rows": read.num_rows, "listed": sorted((one.path, one.type.name) for one in listed)}


def with_deltalake(account):
    url = f"abfss://data@{account}.dfs.core.windows.net/delta"
    write_deltalake(url, TABLE)
    write_deltalake(url, TABLE, mode="append")
    table = DeltaTable(url)
    found = {"version": table.version(), "rows": table.to_pyarrow_table().num_rows}
    table.delete("word = 'or'")
    found["after delete"] = DeltaTable(url).to_pyarrow_table().num_rows
    removed = DeltaTable(url).vacuum(0, dry_run=False, enforce_retention_duration=False)
    return found | {"removed": len(removed)}


account = sys.argv[1]
found = {"adlfs": with_adlfs(account), "pyarrow": with_pyarrow(account), "deltalake": with_deltalake(account)}
print(json.dumps(found))
