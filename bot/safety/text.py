"""Makes plain words of what people type: odd letters, spacing, slips and slang are undone here."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.safety.automaton import BREAK

# What a token is: letters with what people put inside words, or punctuation. The two sides of
# every repetition have no character in common, so there is one way to read any text.
_TOKEN = re.compile(
    r"[a-z0-9@$*][a-z0-9]*(?:['*@$!.+-]+[a-z0-9]+)*"
    r"|[.\N{HORIZONTAL ELLIPSIS}]+|[!?;]+|[,:()\[\]/\n\r&\N{EN DASH}\N{EM DASH}-]|\""
)
_ODD = re.compile(r"[^\x00-\x7f]")
_UNSEEN = frozenset({"Mn", "Me", "Cf", "Cc", "Cs", "Co", "Cn"})
_THRICE = re.compile(r"([a-z])\1\1+")
_INNER = re.compile(r"['*@$!.+-]+")
_NOT_LETTERS = re.compile(r"[^a-z]+")
_LEET = str.maketrans("013457@$!+", "oieastasit")
_LEET_L = str.maketrans("013457@$!+", "oleastaslt")

SPELLED = 3
"""So many single letters in a row are read as one spelled word."""

LONGEST = 48
"""Letters run together are taken apart up to this length."""

_APOSTROPHES = "'`\N{ACUTE ACCENT}\N{MODIFIER LETTER APOSTROPHE}\N{PRIME}\N{MODIFIER LETTER PRIME}"
_APOSTROPHES += "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
_APOSTROPHES += "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}\N{FULLWIDTH APOSTROPHE}"
_QUOTES = "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
_QUOTES += "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}"
_QUOTES += "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}"

# Letters of other scripts that are drawn like Latin ones, as hex: base letters, after casefold
# and decomposition. Written by code point: on the page they could not be told apart.
_LOOKALIKES = {
    "a": "0430 03b1 0251 1d00",
    "b": "0432 044c 0184 0299 03b2 1d03",
    "c": "0441 03f2 1d04",
    "d": "0501 1d05 217e",
    "e": "0435 03b5 1d07 0454 212e",
    "f": "a730 03dd",
    "g": "0581 0262 0261",
    "h": "04bb 029c 043d",
    "i": "0456 03b9 0131 026a 04cf 0269",
    "j": "0458 1d0a 03f3",
    "k": "043a 03ba 1d0b",
    "l": "029f 217c 01c0 2113",
    "m": "043c 1d0d 217f",
    "n": "043f 0274 0578 03b7",
    "o": "043e 03bf 1d0f 0585 00f8 03c3",
    "p": "0440 03c1 1d18",
    "q": "051b 0566",
    "r": "0433 0280 1d26",
    "s": "0455 a731 0282",
    "t": "0442 03c4 1d1b",
    "u": "057d 1d1c 03c5 028b 0446",
    "v": "0475 03bd 1d20",
    "w": "051d 0461 1d21 03c9 0448",
    "x": "0445 03c7 00d7",
    "y": "0443 03b3 028f 04af",
    "z": "1d22 0290",
}


def _foreign() -> dict[int, str | None]:
    table: dict[int, str | None] = {}
    for latin, codes in _LOOKALIKES.items():
        for code in codes.split():
            table[int(code, 16)] = latin
    for offset in range(26):
        letter = chr(ord("a") + offset)
        table[0x1F1E6 + offset] = letter  # regional indicators
        for start in (0x1F130, 0x1F150, 0x1F170):  # squared and circled letters
            table[start + offset] = letter
    for mark in _APOSTROPHES:
        table[ord(mark)] = "'"
    for mark in _QUOTES:
        table[ord(mark)] = '"'
    return table


_FOREIGN = _foreign()


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text as plain words; the numbers in the sets are places among them."""

    words: tuple[str, ...]
    clauses: frozenset[int] = frozenset()
    """Where a part of a sentence begins after a comma, a dash, a new line."""
    quotes: frozenset[int] = frozenset()
    """Where a quotation begins."""
    own: int = 0
    """Where the text itself begins, after what was said before it."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What a language's content says about single words."""

    same: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A word as people type it → the words it stands for; none when it says nothing."""
    joined: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Two words, as typed, that are one: first → second → what they stand for."""
    emoji: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    """Every word that means something to a rule."""
    masked: Mapping[str, str] = field(default_factory=dict)
    """A word with stars for letters → the word."""
    stems: tuple[str, ...] = ()
    """What letters run together must hold to be worth taking apart."""

    def words_of(self, typed: str) -> tuple[str, ...]:
        """Say what a single word without punctuation stands for."""
        found = self.same.get(typed)
        return (typed,) if found is None else found

    def knows(self, typed: str) -> bool:
        """Tell whether the word means something."""
        return typed in self.known or typed in self.same


def plain(text: str) -> str:
    """Undo what changes how a letter looks but not what it is."""
    if not text.isascii():
        text = _ODD.sub(lambda found: _letter(found[0]), text)
    return text.casefold()


@functools.lru_cache(2048)
def _letter(odd: str) -> str:
    """Undo it for one letter that is not ASCII."""
    # Marks go before casefold, which makes a letter of one of them.
    letters = _seen(unicodedata.normalize("NFKD", odd.translate(_FOREIGN)))
    return _seen(unicodedata.normalize("NFKD", letters.casefold()).translate(_FOREIGN))


def _seen(letters: str) -> str:
    return "".join(one for one in letters if unicodedata.category(one) not in _UNSEEN)


def speak(text: str, lexicon: Lexicon) -> Spoken:
    """Turn a text into plain words."""
    text = plain(text)
    if not text.isascii() and lexicon.emoji:
        text = _ODD.sub(lambda found: lexicon.emoji.get(found[0], found[0]), text)
    reader = _Reader(lexicon)
    for typed in _TOKEN.findall(text):
        reader.take(typed)
    return reader.done()


def join(earlier: Sequence[Spoken], last: Spoken) -> Spoken:
    """Put texts in a row together as one, a new part of the sentence each."""
    words: list[str] = []
    clauses: set[int] = set()
    quotes: set[int] = set()
    own = 0
    for spoken in (*earlier, last):
        own = len(words)
        clauses.update(own + at for at in spoken.clauses)
        clauses.add(own)
        quotes.update(own + at for at in spoken.quotes)
        words.extend(spoken.words)
    return Spoken(tuple(words), frozenset(clauses), frozenset(quotes), own)


class _Reader:
    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._words: list[str] = []
        self._clauses: set[int] = {0}
        self._quotes: set[int] = set()
        self._letters: list[str] = []
        self._guesses: dict[str, tuple[str, ...]] = {}
        self._last = ""
        self._before = self._after = 0

    def take(self, typed: str) -> None:
        """Read one token."""
        if typed.isalpha():
            if len(typed) == 1:
                self._letters.append(typed)
                return
            if self._letters:
                self._spell()
            self._word(typed)
        elif typed[0] in ".!?;\N{HORIZONTAL ELLIPSIS}" and len(typed.strip(".!?;")) == 0:
            self._stop(typed)
        elif len(typed) == 1 and not typed.isalnum():
            self._mark(typed)
        elif len(typed) == 1:
            self._letters.append(typed)
        else:
            if self._letters:
                self._spell()
            self._odd(typed)

    def done(self) -> Spoken:
        if self._letters:
            self._spell()
        return Spoken(tuple(self._words), frozenset(self._clauses), frozenset(self._quotes))

    def _stop(self, typed: str) -> None:
        if self._letters and typed == ".":
            return  # k. m. s. is spelled
        if self._letters:
            self._spell()
        if typed[0] == "\N{HORIZONTAL ELLIPSIS}" or typed.startswith(".."):
            self._clauses.add(len(self._words))
        elif self._words and self._words[-1] != BREAK:
            self._words.append(BREAK)

    def _mark(self, typed: str) -> None:
        if typed in "-*\n\r" and self._letters:
            return  # k-i-l-l is spelled
        if self._letters:
            self._spell()
        if typed == '"':
            self._quotes.add(len(self._words))
        elif typed not in "@$*&":
            self._clauses.add(len(self._words))

    def _word(self, typed: str) -> None:
        lexicon = self._lexicon
        pair = lexicon.joined.get(self._last)
        if pair is not None and typed in pair and len(self._words) == self._after:
            del self._words[self._before :]
            self._add(typed, pair[typed])
            return
        words = lexicon.same.get(typed)
        if words is None:
            words = (typed,)
            if typed not in lexicon.known:
                if typed not in self._guesses:
                    self._guesses[typed] = self._unknown(typed) or words
                words = self._guesses[typed]
        self._add(typed, words)

    def _add(self, typed: str, words: tuple[str, ...]) -> None:
        self._last = typed
        self._before = len(self._words)
        self._words.extend(words)
        self._after = len(self._words)

    def _unknown(self, typed: str) -> tuple[str, ...] | None:
        """Try what an unknown word could be: drawn out, or several run together."""
        lexicon = self._lexicon
        if _THRICE.search(typed):
            drawn_at_end = typed[-1] == typed[-2] == typed[-3]
            for times in (r"\1", r"\1\1") if drawn_at_end else (r"\1\1", r"\1"):
                shorter = _THRICE.sub(times, typed)
                if lexicon.knows(shorter):
                    return lexicon.words_of(shorter)
            typed = _THRICE.sub(r"\1", typed)
        if len(typed) > SPELLED and typed[-1] == typed[-2] and lexicon.knows(typed[:-1]):
            return lexicon.words_of(typed[:-1])
        if SPELLED < len(typed) <= LONGEST and any(stem in typed for stem in lexicon.stems):
            return self._apart(typed)
        return None

    def _apart(self, typed: str) -> tuple[str, ...] | None:
        """Take letters run together apart into the fewest known words."""
        lexicon = self._lexicon
        best: list[tuple[str, ...] | None] = [()]
        for end in range(1, len(typed) + 1):
            found: tuple[str, ...] | None = None
            for start in range(max(0, end - 10), end):
                head = best[start]
                word = typed[start:end]
                if head is None or not lexicon.knows(word):
                    continue
                if len(word) == 1 and word not in "ai":
                    continue
                if found is None or len(head) + 1 < len(found):
                    found = (*head, word)
            best.append(found)
        split = best[-1]
        if split is None:
            return None
        return tuple(word for part in split for word in lexicon.words_of(part))

    def _spell(self) -> None:
        letters, self._letters = self._letters, []
        if len(letters) >= SPELLED:
            spelled = "".join(letters).translate(_LEET)
            if self._lexicon.knows(spelled):
                self._word(spelled)
                return
            for start in range(0, len(letters), LONGEST):
                split = self._apart(spelled[start : start + LONGEST])
                if split is None or len(split) == len(spelled):
                    split = tuple(letters[start : start + LONGEST])
                for word in split:
                    self._word(word)
            return
        for letter in letters:
            self._word(letter)

    def _odd(self, typed: str) -> None:
        """Read a word with digits or marks inside it."""
        lexicon = self._lexicon
        bare = typed.replace("'", "")
        if typed in lexicon.same:
            self._word(typed)
            return
        if lexicon.knows(bare):
            self._word(bare)
            return
        if bare in lexicon.masked:
            self._word(lexicon.masked[bare])
            return
        for table in (_LEET, _LEET_L):
            read = _NOT_LETTERS.sub("", bare.translate(table))
            if not bare.isdigit() and lexicon.knows(read) and read != bare:
                self._word(read)
                return
        if typed.endswith("'s"):
            self._word(_NOT_LETTERS.sub("", typed[:-2]) or typed)
            return
        if bare.isalpha():
            self._word(bare)
            return
        self._parts(bare.strip("*@$"))

    def _parts(self, typed: str) -> None:
        parts = [part for part in _INNER.split(typed) if part]
        if len(parts) <= 1:
            self._word(typed)
        elif all(len(part) == 1 for part in parts):
            self._letters.extend(parts)
            self._spell()
        elif "*" in typed or any(len(part) == 1 or not self._stands(part) for part in parts):
            # a word broken at the end of a line, or a mask nobody knows: one word, not two
            self._word("".join(parts))
        else:
            for part in parts:
                if "." in typed and part is not parts[0]:
                    self._stop(".")
                self._word(part)

    def _stands(self, part: str) -> bool:
        return len(part) > 2 or self._lexicon.knows(part)  # noqa: PLR2004 - as in "sp-ending"


def phrase(text: str, lexicon: Lexicon) -> tuple[str, ...]:
    """Turn words written in a rule into what they look like in a text."""
    return tuple(word for word in speak(text, lexicon).words if word != BREAK)


def forms(word: str) -> Iterable[str]:
    """Give the regular forms of an English verb or noun."""
    vowels = "aeiou"
    yield word
    if word.endswith("e"):
        yield from (word + "s", word + "d", word[:-1] + "ing", word[:-1] + "in")
        return
    if word.endswith("y") and word[-2:-1] not in vowels:
        yield from (word[:-1] + "ies", word[:-1] + "ied", word + "ing")
        return
    hissing = word.endswith(("s", "x", "z", "ch", "sh"))
    yield word + ("es" if hissing else "s")
    short = len(word) > 2 and word[-1] not in vowels + "wxy" and word[-2] in vowels  # noqa: PLR2004
    double = word + word[-1] if short and word[-3] not in vowels else word
    yield from {double + "ing", double + "ed", double + "in", word + "ing", word + "ed"}
