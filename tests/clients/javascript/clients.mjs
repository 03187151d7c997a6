// A secret and a file, by the JavaScript SDKs, as their users write it. Arguments: vault, account.
import { DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { DataLakeServiceClient } from "@azure/storage-file-datalake";

const [vault, account] = process.argv.slice(2);
const credential = new DefaultAzureCredential();
const found = {};

const secrets = new SecretClient(`https://${vault}.vault.azure.net`, credential);
await secrets.setSecret("word", "to be", { tags: { from: "js" }, contentType: "text/plain" });
const read = await secrets.getSecret("word");
found.secret = [read.value, read.properties.tags.from, read.properties.contentType];
found.names = [];
for await (const properties of secrets.listPropertiesOfSecrets()) found.names.push(properties.name);
const poller = await secrets.beginDeleteSecret("word", { intervalInMs: 100 });
found.deleted = (await poller.pollUntilDone()).name;
found.missing = await secrets.getSecret("word").catch((error) => error.code);

const lake = new DataLakeServiceClient(`https://${account}.dfs.core.windows.net`, credential);
const filesystem = lake.getFileSystemClient("data");
await filesystem.create();
const file = filesystem.getFileClient("in/words.txt");
await file.upload(Buffer.from("to be or not to be"));
found.text = (await file.readToBuffer()).toString();
await file.move("in/renamed.txt");
found.paths = [];
for await (const path of filesystem.listPaths({ recursive: true })) found.paths.push([path.name, path.isDirectory]);
found.owner = (await filesystem.getDirectoryClient("/").getAccessControl()).owner;
found.again = await filesystem.create().catch((error) => error.code);
console.log(JSON.stringify(found));
