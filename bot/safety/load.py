"""Reads the words and rules of one language and finds an author's mistakes before a person does."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from bot import jsons
from bot.errors import ContentError
from bot.safety.automaton import BREAK, Automaton, Pattern, Place
from bot.safety.screen import CONTEXTS, NAMED, Book, Rule, Screener, Who
from bot.safety.text import Lexicon, forms, plain
from bot.safety.verdict import TIERS
from bot.safety.weights import WEIGHED, Weights

WORDS = "words.toml"
WEIGHTS = "weights.json"
GAP = 3
"""So many words at most stand in a gap that does not say."""

WIDEST = 8
SOMEONE = "someone"
"""What a first name stands for."""

BOTH = "&"
"""What stands on its two sides is near each other, whichever comes first."""

MANY = 4000
"""A pattern that stands for more than this is a mistake."""

_VOWELS = "aeiou"
_WORD_KEYS = {
    "naive",
    "names",
    "fillers",
    "typos",
    "ordinary",
    "masked",
    "stems",
    "same",
    "joined",
    "emoji",
    "forms",
    "classes",
}
_KINDS = {
    "tense": (bool, "true or false"),
    "negated": (bool, "true or false"),
}
_RULE_KEYS = {"id", "tier", "who", "any", "unless", "milder", "needs", "tense", "negated"}


def load(folder: Path) -> Screener:
    """Read one language's folder of words and rules.

    Raises ContentError with every mistake, one sentence each: file, line, what to do.
    """
    reader = _Reader(folder)
    screener = reader.screener()
    if reader.mistakes:
        raise ContentError("\n".join(reader.mistakes))
    return screener


@dataclass(frozen=True, slots=True)
class _Source:
    path: Path
    text: str
    table: Mapping[str, Any]

    def at(self, said: str) -> str:
        """Name the file and the line where something is said."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if said and said in line:
                return f"{self.path.name}, line {number}"
        return self.path.name


class _Mistake(Exception):  # noqa: N818 - it is the author's, not a fault of the program
    pass


class _Reader:
    def __init__(self, folder: Path) -> None:
        self.mistakes: list[str] = []
        self._sources: dict[str, _Source] = {}
        if not (folder / WORDS).is_file():
            raise ContentError(f"{folder}: there is no {WORDS} here.")
        for path in sorted(folder.glob("*.toml")):
            try:
                text = path.read_text(encoding="utf-8")
                self._sources[path.name] = _Source(path, text, tomllib.loads(text))
            except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                self.mistakes.append(f"{path.name}: this is not TOML: {error}.")
        if self.mistakes:
            raise ContentError("\n".join(self.mistakes))
        self._words = self._sources.pop(WORDS)
        self._folder = folder
        self._forms: dict[str, list[str]] = {}
        self._classes: dict[str, list[str]] = {}
        self._made: dict[str, list[tuple[Place, ...]]] = {}
        self._same: dict[str, tuple[str, ...]] = {}
        self._joined: dict[str, dict[str, tuple[str, ...]]] = {}
        self._nots: frozenset[str] = frozenset()
        self._idioms: list[Pattern] = []
        self._patterns: list[Pattern] = []
        self._owners: list[str] = []
        self._rules: dict[str, Rule] = {}

    def screener(self) -> Screener:
        """Put everything together."""
        named = self._single_words()
        for source in self._sources.values():
            self._take(source)
        contexts = {owner[1:] for owner in self._owners if owner.startswith("~")}
        for rule in self._rules.values():
            for name in (*rule.unless, *rule.milder, *rule.needs):
                if name not in contexts:
                    self._wrong_rule(rule, f"there is no context '{name}'.")
        self.mistakes.extend(
            f"the context '{name}' is missing." for name in CONTEXTS if name not in contexts
        )
        return Screener(
            Book(
                lexicon=self._lexicon(named),
                idioms=Automaton(self._idioms),
                automaton=Automaton(self._patterns),
                owners=tuple(self._owners),
                rules=self._rules,
                named=named,
                weights=self._weighed(self._folder / WEIGHTS),
                naive=tuple(self._strings(self._words, self._words.table, "naive")),
            )
        )

    def _weighed(self, path: Path) -> Weights:
        """Read the fitted table; a language may have none."""
        if not path.is_file():
            return Weights((), {})
        try:
            table = jsons.load(path.read_bytes())
            start, each = (
                tuple(table["start"]),
                {key: tuple(row) for key, row in table["each"].items()},
            )
            right = table["tiers"] == list(WEIGHED)
        except (ValueError, TypeError, KeyError, AttributeError):
            right = False
        if not right or not all(
            len(row) == len(WEIGHED) and set(map(type, row)) == {int}
            for row in (start, *each.values())
        ):
            self.mistakes.append(f"{WEIGHTS} is not what `python -m tools.weigh` makes: run that.")
            return Weights((), {})
        return Weights(start, each)

    def _single_words(self) -> dict[str, frozenset[str]]:
        """Read what single words are worth; give the classes that the program names."""
        table = self._words.table
        for key in sorted(table.keys() - _WORD_KEYS):
            self._wrong(self._words, key, f"there is no '{key}' here.")
        self._forms = self._lists(table, "forms")
        self._classes = self._lists(table, "classes")
        for word in self._strings(self._words, table, "fillers"):
            self._same[plain(word)] = ()
        for name in self._strings(self._words, table, "names"):
            self._same[plain(name)] = (SOMEONE,)
        for typed, meant in self._texts(table, "same").items():
            self._same[plain(typed)] = tuple(meant.split())
        for typed, meant in self._texts(table, "joined").items():
            pair = plain(typed).split()
            if len(pair) == 2:  # noqa: PLR2004 - it is a pair
                self._joined.setdefault(pair[0], {})[pair[1]] = tuple(meant.split())
            else:
                self._wrong(self._words, typed, f"'{typed}' must be two words.")
        self.mistakes.extend(
            f"{WORDS}: the class '{name}' is missing."
            for name in NAMED
            if name not in self._classes
        )
        if self.mistakes:
            raise ContentError("\n".join(self.mistakes))
        named = {name: self._single(name) for name in NAMED}
        self._nots = named["not"] | named["subject"]
        return named

    def _take(self, source: _Source) -> None:
        """Read one file of idioms, contexts and rules."""
        for key in sorted(source.table.keys() - {"idioms", "contexts", "rule"}):
            self._wrong(source, key, f"there is no '{key}' here.")
        for said in self._strings(source, source.table, "idioms"):
            self._idioms.extend(self._compiled(source, said))
        for name, says in self._lists(source.table, "contexts").items():
            for said in says:
                self._add(self._compiled(source, said), "~" + name)
        for raw in source.table.get("rule", []):
            rule = self._rule(source, raw)
            if rule is not None:
                self._rules[rule.id] = rule
                for said in raw["any"]:
                    self._add(self._compiled(source, said), rule.id)

    def _add(self, patterns: Sequence[Pattern], owner: str) -> None:
        self._patterns.extend(patterns)
        self._owners.extend([owner] * len(patterns))

    def _wrong(self, source: _Source, said: str, what: str) -> None:
        self.mistakes.append(f"{source.at(said)}: {what}")

    def _wrong_rule(self, rule: Rule, what: str) -> None:
        for source in self._sources.values():
            if f'id = "{rule.id}"' in source.text:
                self._wrong(source, f'id = "{rule.id}"', f"{rule.id}: {what}")

    # Plain tables.

    def _lists(self, table: Mapping[str, Any], key: str) -> dict[str, list[str]]:
        found = table.get(key, {})
        if not isinstance(found, dict) or not all(
            isinstance(says, list) and all(isinstance(said, str) for said in says)
            for says in found.values()
        ):
            self.mistakes.append(f"[{key}] must hold lists of texts.")
            return {}
        return found

    def _texts(self, table: Mapping[str, Any], key: str) -> dict[str, str]:
        found = table.get(key, {})
        if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
            self.mistakes.append(f"[{key}] must hold texts.")
            return {}
        return found

    def _strings(self, source: _Source, table: Mapping[str, Any], key: str) -> list[str]:
        found = table.get(key, [])
        if not isinstance(found, list) or not all(isinstance(said, str) for said in found):
            self._wrong(source, key, f"'{key}' must be a list of texts.")
            return []
        return found

    # Rules.

    def _rule(self, source: _Source, raw: Any) -> Rule | None:
        ident = raw.get("id") if isinstance(raw, dict) else None
        if not isinstance(ident, str) or ident.count(".") != 1:
            self._wrong(source, str(ident or "[[rule]]"), "a rule's id is 'family.name'.")
            return None
        line = f'id = "{ident}"'
        wrong = sorted(raw.keys() - _RULE_KEYS)
        faults = [f"there is no key '{key}'." for key in wrong]
        if ident in self._rules:
            faults.append("this id is taken.")
        if raw.get("tier") not in set(TIERS) - {"none"}:
            faults.append(f"the tier is one of {', '.join(sorted(set(TIERS) - {'none'}))}.")
        if raw.get("who", "said") not in get_args(Who):
            faults.append(f"who is one of {', '.join(get_args(Who))}.")
        for key in ("any", "unless", "milder", "needs"):
            says = raw.get(key, [])
            if not isinstance(says, list) or not all(isinstance(said, str) for said in says):
                faults.append(f"'{key}' must be a list of texts.")
        faults.extend(
            f"'{key}' is {what}."
            for key, (kind, what) in _KINDS.items()
            if not isinstance(raw.get(key, kind()), kind)
        )
        if not raw.get("any"):
            faults.append("'any' needs at least one pattern.")
        if faults:
            for fault in faults:
                self._wrong(source, line, f"{ident}: {fault}")
            return None
        return Rule(
            id=ident,
            tier=raw["tier"],
            who=raw.get("who", "said"),
            unless=tuple(raw.get("unless", ())),
            milder=tuple(raw.get("milder", ())),
            needs=tuple(raw.get("needs", ())),
            tense=raw.get("tense", True),
            negated=raw.get("negated", False),
        )

    # Patterns.

    def _compiled(self, source: _Source, said: str) -> list[Pattern]:
        try:
            return list(self._parsed(said))
        except _Mistake as mistake:
            self._wrong(source, said, f"in '{said}': {mistake}")
            return []

    def _parsed(self, said: str) -> Iterator[Pattern]:
        parts = said.split()
        if BOTH not in parts:
            yield from self._row(parts)
            return
        end = next((at for at, part in enumerate(parts) if part[0] == "!"), len(parts))
        at = parts.index(BOTH)
        one, other, bounds = parts[:at], parts[at + 1 : end], parts[end:]
        for first, then in ((one, other), (other, one)):
            yield from self._parsed(" ".join((*first, f"~{WIDEST}", *then, *bounds)))

    def _row(self, parts: list[str]) -> Iterator[Pattern]:
        bounds: dict[str, frozenset[str]] = {}
        first = bool(parts) and parts[0] == "<"
        if first:
            parts = parts[1:]
        if parts and parts[0].startswith("!"):
            bounds["not_before"] = self._set(parts.pop(0)[1:])
        while parts and parts[-1].startswith("!"):
            part = parts.pop()
            if part.startswith("!!"):
                bounds["not_later"] = self._set(part[2:])
            else:
                bounds["not_after"] = self._set(part[1:])
        ways = [(parts, False)]
        if parts and ">" in parts[-1].split("|"):
            others = "|".join(choice for choice in parts[-1].split("|") if choice != ">")
            ways = [(parts[:-1], True)] + ([([*parts[:-1], others], False)] if others else [])
        seen: set[Pattern] = set()
        for row, last in ways:
            for places in self._rows(row):
                for pattern in self._edges(Pattern(places, first=first, last=last, **bounds)):
                    if pattern not in seen:
                        seen.add(pattern)
                        yield pattern

    def _rows(self, parts: Iterable[str]) -> list[tuple[Place, ...]]:
        options = [self._element(part) for part in parts]
        number = 1
        for option in options:
            number *= max(1, len(option))
        if number > MANY:
            raise _Mistake(f"it stands for {number} patterns; use fewer phrases in a row.")
        return [tuple(itertools.chain(*row)) for row in itertools.product(*options)]

    def _edges(self, pattern: Pattern) -> Iterator[Pattern]:
        """Give a pattern without places at its ends that may stay empty.

        Where such a place is left empty, its words do not stand there: else what must not
        follow could be passed over.
        """
        row = pattern.places
        if not row:
            return
        if row[0].optional:
            words = row[0].words
            without = pattern.not_before | words if words else pattern.not_before
            yield from self._edges(replace(pattern, places=row[1:], not_before=without))
            if words is not None:
                must = replace(row[0], optional=False)
                yield from self._edges(replace(pattern, places=(must, *row[1:])))
        elif row[-1].optional:
            words = row[-1].words
            without = pattern.not_after | words if words else pattern.not_after
            yield from self._edges(replace(pattern, places=row[:-1], not_after=without))
            if words is not None:
                must = replace(row[-1], optional=False)
                yield from self._edges(replace(pattern, places=(*row[:-1], must)))
        else:
            yield pattern

    def _element(self, part: str) -> list[tuple[Place, ...]]:
        """Give the rows of places that one element of a pattern can be."""
        if part.startswith(("..", "~")):
            return [self._gap(part)]
        optional = part.startswith("[")
        if optional and not part.endswith("]"):
            raise _Mistake(f"'{part}' needs its closing bracket.")
        choices = (part[1:-1] if optional else part).split("|")
        words: set[str] = set()
        rows: list[tuple[Place, ...]] = []
        for choice in choices:
            for row in self._choice(choice):
                if not row and len(choices) > 1:
                    raise _Mistake(f"'{choice}' is left out of every text; leave it out here too.")
                if len(row) == 1 and not row[0].optional and row[0].words is not None:
                    words |= row[0].words
                else:
                    rows.append(row)
        if not rows:
            return [(Place(frozenset(words), optional=optional),)] if words else [()]
        if words:
            rows.append((Place(frozenset(words)),))
        return [*rows, ()] if optional else rows

    def _gap(self, part: str) -> tuple[Place, ...]:
        count = part.lstrip(".~")
        if count and not count.isdigit():
            raise _Mistake(f"a gap is .. or ..1 to ..{WIDEST}, or ~1 to ~{WIDEST}.")
        wide = int(count or GAP)
        if not 0 < wide <= WIDEST:
            raise _Mistake(f"a gap is at most {WIDEST} words wide.")
        nots = frozenset[str]() if part.startswith("~") else self._nots
        return (Place(None, optional=True, not_words=nots),) * wide

    def _choice(self, choice: str) -> list[tuple[Place, ...]]:
        if choice.startswith("@"):
            return self._class(choice[1:])
        if not choice or not choice.strip("+").replace("'", "").isalnum():
            if choice == BREAK:
                return [(Place(frozenset({BREAK})),)]
            raise _Mistake(f"'{choice}' is not a word.")
        if choice.endswith("+"):
            stem = choice[:-1]
            inflected = self._forms.get(stem)
            every = {stem, *inflected} if inflected is not None else set(forms(stem))
            return [(Place(frozenset(every)),)]
        meant = self._same.get(plain(choice), (choice,))
        return [tuple(Place(frozenset({word})) for word in meant)]

    def _class(self, name: str) -> list[tuple[Place, ...]]:
        if name not in self._classes:
            raise _Mistake(f"there is no class '{name}'.")
        made = self._made.get(name)
        if made is None:
            self._made[name] = []  # a class inside itself adds nothing
            made = []
            for said in self._classes[name]:
                made.extend(self._rows(said.split()))
            self._made[name] = made
        return made

    def _set(self, said: str) -> frozenset[str]:
        if not said:
            raise _Mistake("after '!' stands a word.")
        words: set[str] = set()
        for row in self._element(said):
            words |= row[0].words or frozenset() if row else frozenset()
        return frozenset(words)

    def _single(self, name: str) -> frozenset[str]:
        try:
            return self._set("@" + name)
        except _Mistake as mistake:
            self._wrong(self._words, name, f"[classes] {name}: {mistake}")
            return frozenset()

    # Words.

    def _lexicon(self, named: Mapping[str, frozenset[str]]) -> Lexicon:
        table = self._words.table
        known: set[str] = set().union(*named.values())
        for pattern in itertools.chain(self._idioms, self._patterns):
            known |= pattern.not_before | pattern.not_after | pattern.not_later
            for place in pattern.places:
                known |= place.words or frozenset()
        known.discard(BREAK)
        ordinary = {plain(word) for word in self._strings(self._words, table, "ordinary")}
        known |= ordinary
        same = dict(self._same)
        for word in self._strings(self._words, table, "typos"):
            meant = self._same.get(word, (word,))
            for slip in slips(word):
                if slip not in known and slip not in same:
                    same[slip] = meant
        masked: dict[str, str] = {}
        for word in self._strings(self._words, table, "masked"):
            for mask in masks(word):
                masked.setdefault(mask, word)
        emoji = {
            sign: f" {word} "
            for sign, word in self._texts(table, "emoji").items()
            if len(sign) == 1
        }
        stems = tuple(self._strings(self._words, table, "stems"))
        return Lexicon(same, self._joined, emoji, frozenset(known), masked, stems)


def slips(word: str) -> Iterator[str]:
    """Give what a hurried thumb makes of a word: letters swapped, doubled, left out, mistaken."""
    for at in range(1, len(word)):
        yield word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        yield word[:at] + word[at] + word[at:]
        if len(word) > 4:  # noqa: PLR2004 - shorter words would turn into others
            yield word[:at] + word[at + 1 :]
            if word[at] in _VOWELS:
                for vowel in _VOWELS:
                    yield word[:at] + vowel + word[at + 1 :]


def masks(word: str) -> Iterator[str]:
    """Give the ways a word is written with stars for some of its letters."""
    vowels = [at for at, letter in enumerate(word) if at and letter in _VOWELS]
    for number in range(1, len(vowels) + 1):
        for chosen in itertools.combinations(vowels, number):
            yield "".join("*" if at in chosen else letter for at, letter in enumerate(word))
    yield word[0] + "*" * (len(word) - 2) + word[-1]
    yield word[0] + "*" * (len(word) - 1)
