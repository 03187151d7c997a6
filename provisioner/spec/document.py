"""YAML text → plain data, with the line of every path. Knows YAML and `${VAR}`, knows no field.

Scalars stay the text that stands in the file (`2.10` is no number, `no` no boolean); the model gives them types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from provisioner.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]
Found = tuple[Path, str, str]  # a path, what is wrong there, and what would be right
Data = None | str | list["Data"] | dict[str, "Data"]

LARGEST = 1024 * 1024
DEEPEST = 16
LONGEST = 400  # characters of what a problem quotes
MOST = 100  # problems; whoever has more has another kind of file
VARIABLE = re.compile(r"\$(\$(?=\{)|\{([^{}]{0,200})\}|\{)")  # bounded: `${${${…` is read in one pass
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
STRING_TAG = "tag:yaml.org,2002:str"


@dataclass
class Document:
    """What a file says.

    lines: of every path; texts: every scalar as it stands in the file, before `${VAR}`; broken: paths without
    a value that could be judged; expanded: what `${VAR}` stood for, which no problem may quote; files: of paths that
    another file is the source of.
    """

    file: str
    data: dict[str, Data] = field(default_factory=dict[str, "Data"])
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    texts: dict[Path, str] = field(default_factory=dict[Path, str])
    problems: list[Problem] = field(default_factory=list[Problem])
    broken: set[Path] = field(default_factory=set[Path])
    expanded: set[str] = field(default_factory=set[str])
    files: dict[Path, str] = field(default_factory=dict[Path, str])

    def variables(self) -> tuple[str, ...]:
        """The names in every `${NAME}`."""
        matches = (match for text in self.texts.values() for match in VARIABLE.finditer(text))
        return tuple(sorted({match[2] for match in matches if match[2]}))

    def line(self, path: Path) -> int:
        """The line of the path, or of the nearest thing around it that stands in the file."""
        return self.lines[self._nearest(path)]

    def _nearest(self, path: Path) -> Path:
        return path if path in self.lines or not path else self._nearest(path[:-1])

    def is_broken_at(self, path: Path) -> bool:
        """Whether a problem is known already of the path, or of something around it."""
        return any(path[:length] in self.broken for length in range(1, len(path) + 1))

    def at(self, path: Path) -> Data:
        """What stands at the path; None where nothing does."""
        value: Data = self.data
        for part in path:
            value = _children(value).get(part)
        return value

    def path_as_spelt(self, path: Path) -> Path:
        """The path as the file spells it: some fields may be written in two ways (`flink-api`, `flink_api`)."""
        found: Path = ()
        for part in path:
            spellings = (part, str(part).replace("-", "_"), f"{part}_")
            found = (*found, next((way for way in spellings if (*found, way) in self.lines), part))
        return found

    def masked(self, text: str) -> str:
        """The text without anything that `${VAR}` stood for; a short value only where it is a word of its own."""
        for value in filter(None, self.expanded):
            pattern = re.escape(value) if len(value) > 3 else rf"(?<!\w){re.escape(value)}(?!\w)"
            text = re.sub(pattern, "…", text)
        return text

    def add_problem(self, path: Path, wrong: str, right: str, line: int | None = None) -> None:
        """Keep a problem. Raises SpecError with the one that is too many."""
        if len(self.problems) == MOST:
            last = max(problem.line for problem in self.problems)
            more = Problem(
                file=self.file, line=last, path="(file)", wrong="has more problems", right="correct these first"
            )
            self.problems.append(more)
            raise self.refusal()
        wrong, right = self.masked(wrong), self.masked(right)
        at = self.line(path) if line is None else line
        where, wrong = shortened(dotted(path)), shortened(wrong)
        file = self.files.get(self._nearest(path), self.file)
        problem = Problem(file=file, line=at, path=where, wrong=wrong, right=right)
        if problem not in self.problems:
            self.problems.append(problem)

    def refusal(self) -> SpecError:
        """All problems, those of this file first, by line."""
        return SpecError(tuple(sorted(self.problems, key=lambda problem: (problem.file != self.file, problem.line))))


def shortened(text: str) -> str:
    """The text, cut after LONGEST characters, since a key may be as long as the file."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def dotted(path: Path) -> str:
    """`airflow.requirements[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "(file)"


def read(text: str, file: str, environ: Mapping[str, str]) -> Document:
    """The document in a text. Raises SpecError where the text is no YAML that can be read on."""
    document = Document(file, lines={(): 1})
    try:
        reader = _Reader(document, environ, yaml.parse(text, Loader=yaml.CSafeLoader))
        data = reader.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        refuse(document, f"is not YAML: {error.problem}", "correct the syntax", mark.line + 1 if mark else 1)
    except yaml.YAMLError:
        refuse(document, "holds characters that YAML does not allow", "save it as plain UTF-8 text", 1)
    if not isinstance(data, dict):
        refuse(
            document, "holds no fields", "write `name: …`, `cloud: …` and so on; docs/environment.md begins with one", 1
        )
    document.data = data
    return document


def refuse(document: Document, wrong: str, right: str, line: int) -> NoReturn:
    """Stop at a problem after which nothing can be read."""
    document.add_problem((), wrong, right, line)
    raise document.refusal()


class _Reader:
    """Walks the parser's events. No alias is ever followed, so a small file stays small data."""

    def __init__(self, document: Document, environ: Mapping[str, str], events: Iterator[yaml.Event]) -> None:
        self.into, self.environ, self.events = document, environ, events

    def document(self) -> Data:
        """The one document of the stream."""
        data: Data = None
        seen = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                seen += 1
                if seen > 1:
                    refuse(self.into, "holds more than one document", "keep one per file, without `---`", _line(event))
                data = self.value(next(self.events), ())
        return data

    def value(self, event: yaml.Event, path: Path) -> Data:
        """What begins with the event."""
        self.into.lines.setdefault(path, _line(event))
        self.refuse_or_report(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path)
        return self.scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None

    def refuse_or_report(self, event: yaml.Event, path: Path) -> None:
        """Refuse what an environment has no use for and what could harm: aliases, tags, depth."""
        if len(path) > DEEPEST:
            refuse(self.into, "is nested too deep", "no field of an environment is", _line(event))
        problems = len(self.into.problems)
        if isinstance(event, yaml.AliasEvent):
            self.into.add_problem(path, "is an alias (`*…`)", "write the value itself", _line(event))
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self.into.add_problem(path, "has an anchor (`&…`)", "leave the anchor out, or quote the text", _line(event))
        tag = getattr(event, "tag", None)
        if tag not in {None, "!", STRING_TAG}:
            self.into.add_problem(path, "has a tag (`!…`)", "leave the tag out, or quote the text", _line(event))
        if len(self.into.problems) > problems:
            self.into.broken.add(path)

    def sequence(self, path: Path) -> list[Data]:
        items: list[Data] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.value(event, (*path, len(items))))
        return items

    def mapping(self, path: Path) -> dict[str, Data]:
        fields: dict[str, Data] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event, path)
            if key in fields:
                first = self.into.lines[*path, key]
                wrong = f"stands twice, first in line {first}"
                self.into.add_problem((*path, key), wrong, "keep one of them", _line(event))
                self.skip(next(self.events), path)
                continue
            self.into.lines[*path, key] = _line(event)
            fields[key] = self.value(next(self.events), (*path, key))
        return fields

    def key(self, event: yaml.Event, path: Path) -> str:
        self.refuse_or_report(event, path)
        if isinstance(event, yaml.ScalarEvent):
            return event.value
        refuse(self.into, f"{dotted(path)} has a key that is no text", "write `field: value`", _line(event))

    def skip(self, event: yaml.Event, path: Path) -> None:
        """Read past a value that is not kept."""
        aside = _Reader(Document(self.into.file, lines={(): _line(event)}), self.environ, self.events)
        aside.value(event, path)

    def scalar(self, event: yaml.ScalarEvent, path: Path) -> str | None:
        if event.implicit[0] and event.value in NULLS:
            return None
        self.into.texts[path] = event.value
        return VARIABLE.sub(lambda match: self.variable(match, path), event.value)

    def variable(self, match: re.Match[str], path: Path) -> str:
        """What `$${`, `${NAME}` and a `${` without end stand for."""
        if match[0] == "$$":
            return "$"
        name = match[2]
        if name is None or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            self.into.add_problem(
                path, "holds a `${` that begins no variable", "write ${NAME}, or $${ for the two characters"
            )
        elif name not in self.environ:
            self.into.add_problem(path, f"needs the variable {name}, which is not set", f"set it: export {name}=…")
        elif not _is_text(self.environ[name]):
            self.into.add_problem(
                path, f"needs the variable {name}, which holds bytes that are no UTF-8", "set it to a text"
            )
        else:
            self.into.expanded.add(self.environ[name])
            return self.environ[name]
        self.into.broken.add(path)
        return ""


def _is_text(value: str) -> bool:
    """Python keeps bytes of the environment that it cannot decode as lone surrogates, which nothing can encode."""
    return not re.search("[\ud800-\udfff]", value)


def _children(value: Data) -> dict[str | int, Data]:
    if isinstance(value, list):
        return dict(enumerate(value))
    return {**value} if isinstance(value, dict) else {}


def _line(event: yaml.Event) -> int:
    mark: Any = event.start_mark  # the parser always gives one
    return int(mark.line) + 1
