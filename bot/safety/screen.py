"""The screener: one text, the last few before it and the open step in; a verdict out.

What a text says is found in four steps. It is made plain (``text``). Idioms are taken out. Rules
find what is said: to die, to cut, to be hit. Then it is asked who it is about, whether it is
denied, and when it was; what remains is a finding. Weights check it, or find where no rule did
(``weights``), and the most urgent finding is the verdict.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.safety.automaton import BREAK, TAKEN, Automaton, Pattern
from bot.safety.text import Lexicon, Spoken, join, speak
from bot.safety.verdict import NONE, URGENCY, Tier, Verdict
from bot.safety.weights import DENIED, ENOUGH, HARDER, LEAST, Weights

Who = Literal["said", "self", "them"]
"""``said``: the pattern says itself who it is about. ``self``: the nearest subject decides, and
the writer is meant where there is none. ``them``: someone else does it to the writer."""

NAMED = (
    "self",
    "own",
    "subject",
    "other",
    "you",
    "not",
    "clear",
    "intense",
    "doubt",
    "joiner",
    "says",
    "gives",
    "passive",
    "knows",
)
"""Classes of words that this module reads by name."""

CONTEXTS = ("past", "better", "again", "fiction", "distress", "coercion", "gone", "but")
"""What surrounds a finding and changes it, by name."""

LATEST = 6
"""So many texts before this one are read."""

NEAR = 3
"""So many of them may be the beginning of a sentence that ends in this one."""

SHORT = 80
"""A text up to this long may be a part of a sentence."""

MEANS = "means"
"""The family of rules about means: who asks for them need say nothing about themselves."""

PAST = "past"
"""The family of what was said in clear words and lies long behind: milder, but never nothing."""

REACH = 8
"""So many words back the subject is looked for."""

LATER = 6
"""So many words on a word may still undo what was said."""


@dataclass(frozen=True, slots=True)
class Match:
    """The words that a pattern was found in, ``start`` to ``end`` inclusive."""

    start: int
    end: int
    pattern: Pattern

    def stands(self, spoken: Spoken, words: Sequence[str]) -> bool:
        """Tell whether nothing that stands around it undoes it."""
        pattern, before, after = self.pattern, self.start - 1, self.end + 1
        if pattern.last and not (
            after == len(words) or after in spoken.clauses or words[after] == BREAK
        ):
            return False
        if after < len(words) and words[after] in pattern.not_after:
            return False
        for word in words[after : after + LATER] if pattern.not_later else ():
            if word == BREAK:
                break
            if word in pattern.not_later:
                return False
        if pattern.first and not (
            self.start == 0 or self.start in spoken.clauses or words[before] == BREAK
        ):
            return False
        return before < 0 or words[before] not in pattern.not_before


@dataclass(frozen=True, slots=True)
class Rule:
    """What to look for, and what it then is."""

    id: str
    tier: Tier
    who: Who = "said"
    unless: tuple[str, ...] = ()
    milder: tuple[str, ...] = ()
    """What makes "hard" soft: said with a laugh, it is still said."""
    needs: tuple[str, ...] = ()
    tense: bool = True
    """Whether the past changes it."""
    negated: bool = False
    """Whether the pattern holds its own "not", so that another does not undo it."""

    @property
    def family(self) -> str:
        """The first half of its id."""
        return self.id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found in a text, with the words for the command line."""

    verdict: Verdict
    words: tuple[str, ...]
    firm: bool = False
    """Whether other texts than this one had a part in it, so that its own words say little."""
    sentence: tuple[str, ...] = ()
    """The words of its own sentence, idioms taken out."""

    def as_tier(self, tier: Tier) -> Finding:
        """Return the same, worth something else."""
        return replace(self, verdict=replace(self.verdict, tier=tier))


@dataclass(frozen=True, slots=True)
class Book:
    """A language's words and rules, ready to run."""

    lexicon: Lexicon
    idioms: Automaton
    automaton: Automaton
    """The patterns of rules and of contexts."""
    owners: tuple[str, ...]
    """Whose each of these patterns is: a rule's id, or a context's name after a tilde."""
    rules: Mapping[str, Rule]
    named: Mapping[str, frozenset[str]]
    weights: Weights = field(default_factory=lambda: Weights((), {}))
    """What words weigh: they check what rules find, and find by themselves where none did."""
    naive: tuple[str, ...] = ()
    """Obvious phrases to compare with; no verdict comes from them."""


class Screener:
    """Judges texts by the words and rules of one language."""

    def __init__(self, book: Book) -> None:
        self.book = book
        ordered = sorted(book.rules.values(), key=lambda rule: URGENCY.index(rule.tier))
        self._rank = {rule.id: rank for rank, rule in enumerate(ordered)}

    def screen(self, text: str, recent: Sequence[str], step: str) -> Verdict:
        """Judge one text.

        ``recent`` holds the person's last texts, oldest first; ``step`` names the open question
        as ``flow.step``, empty when none is open, and changes nothing in this language.
        """
        del step
        return most_urgent(finding.verdict for finding in self.findings(text, recent))

    def explain(self, text: str, recent: Sequence[str] = (), step: str = "") -> list[str]:
        """Say line by line what was found, with the words: for the command line only."""
        verdict = self.screen(text, recent, step)
        lines = [f"{verdict.tier} {verdict.rule}".strip()]
        lines.extend(
            f"  {found.verdict.tier} {found.verdict.rule}: {' '.join(found.words)}"
            for found in self.findings(text, recent)
        )
        return lines

    def without(self, rule: str) -> Screener:
        """Give the same screener without one rule."""
        rules = {name: kept for name, kept in self.book.rules.items() if name != rule}
        return Screener(replace(self.book, rules=rules))

    def findings(self, text: str, recent: Sequence[str] = ()) -> list[Finding]:
        """List what is found in a text: by rules, checked by weights, and by weights alone."""
        spoken = speak(text, self.book.lexicon)
        latest = list(recent[-LATEST:])
        begun = self._begun(latest, text)
        if begun:
            spoken = join(begun, spoken)
        words = self._without_idioms(spoken)
        found, undone = self._read(spoken, words, latest)
        weights = self.book.weights
        sums = weights.weigh(words[spoken.own :])
        found = [heard for one in found if (heard := checked(one, weights, sums, undone=undone))]
        over = () if found else enough(sums, undone=undone)
        return found + [
            Finding(
                Verdict(tier, f"words.{tier}", "words"),
                weights.heaviest(words[spoken.own :], tier),
            )
            for tier in over
        ]

    def words(self, text: str) -> tuple[str, ...]:
        """Give a text as plain words, idioms taken out."""
        return self._without_idioms(speak(text, self.book.lexicon))

    def _begun(self, latest: Sequence[str], text: str) -> list[Spoken]:
        """Give the texts right before this one that may be the beginning of its sentence."""
        begun: list[Spoken] = []
        if len(text) > SHORT:
            return begun
        for earlier in reversed(latest[-NEAR:]):
            if len(earlier) > SHORT:
                break
            spoken = speak(earlier, self.book.lexicon)
            if not spoken.words or spoken.words[-1] == BREAK:
                break
            begun.insert(0, spoken)
        return begun

    def _read(
        self, spoken: Spoken, words: tuple[str, ...], latest: Sequence[str]
    ) -> tuple[list[Finding], bool]:
        """List what the rules find, and tell whether clear words were denied or long past."""
        found, around = self._found(words, spoken.own)
        reading = _Reading(self, words, spoken, latest, around)
        standing: list[Finding] = []
        undone = False
        for rule, match in found:
            if not match.stands(spoken, words) or not reading.has(rule.needs):
                continue
            if reading.is_idle(rule, match):
                continue  # the weights may still see more in it than in what stands around it
            verdict = reading.judge(rule, match)
            if verdict.tier == "none":
                undone |= rule.tier == "hard"
                continue
            firm = bool(rule.needs) or match.start < spoken.own
            said, sentence = spoken.words[match.start : match.end + 1], reading.sentence(match)
            standing.append(Finding(verdict, said, firm, sentence))
            if verdict.tier == URGENCY[0]:
                break
        but = reading.denied_but()
        if but.tier != "none":
            standing.append(Finding(but, (), firm=True))
        return standing, undone

    def _found(self, words: Sequence[str], own: int) -> tuple[list[_Found], _Around]:
        """List the rules whose words stand in the text itself, and where each context's stand."""
        book = self.book
        found: list[_Found] = []
        around: _Around = {}
        for end, start, number in book.automaton.find(words):
            owner, match = book.owners[number], Match(start, end, book.automaton.patterns[number])
            if owner[0] == "~":
                around.setdefault(owner[1:], []).append(match)
            elif end >= own and owner in book.rules:
                found.append((book.rules[owner], match))
        found.sort(key=lambda item: self._rank[item[0].id])
        return found, around

    def _without_idioms(self, spoken: Spoken) -> tuple[str, ...]:
        words = list(spoken.words)
        for end, start, number in self.book.idioms.find(spoken.words):
            if Match(start, end, self.book.idioms.patterns[number]).stands(spoken, spoken.words):
                words[start : end + 1] = [TAKEN] * (end + 1 - start)
        return tuple(words)

    def distressed(self, latest: Sequence[str]) -> bool:
        """Tell whether one of the texts before speaks of distress or danger."""
        for earlier in latest:
            for *_, number in self.book.automaton.find(speak(earlier, self.book.lexicon).words):
                owner = self.book.owners[number]
                rule = self.book.rules.get(owner)
                if owner == "~distress" or (
                    rule is not None and rule.tier in {"hard", "soft"} and not rule.needs
                ):
                    return True
        return False


_Found = tuple[Rule, Match]
_Around = dict[str, list[Match]]


class _Reading:
    """One text being judged: what was found and what surrounds it."""

    def __init__(
        self,
        screener: Screener,
        words: tuple[str, ...],
        spoken: Spoken,
        latest: Sequence[str],
        around: _Around,
    ) -> None:
        self.sentences = list(itertools.accumulate(word == BREAK for word in words))
        self.latest = latest
        self._screener = screener
        self._named = screener.book.named
        self._words = words
        self._spoken = spoken
        self._around = around
        self._ends: dict[str, list[int]] = {}
        self._denied: list[int] = []

    def sentence(self, match: Match) -> tuple[str, ...]:
        """Give the sentence, or sentences, that a match stands in."""
        sentences = self.sentences
        first = bisect.bisect_left(sentences, sentences[match.start])
        after = bisect.bisect_right(sentences, sentences[match.end])
        return self._words[first:after]

    def _context(self, name: str) -> list[int]:
        """Say where a context's words end."""
        if name not in self._ends:
            self._ends[name] = [
                match.end
                for match in self._around.get(name, ())
                if match.stands(self._spoken, self._words)
            ]
        return self._ends[name]

    def is_idle(self, rule: Rule, match: Match) -> bool:
        """Tell whether what stands around a match makes it mere talk: a story, a trifle."""
        return any(self._undoes(name, match) for name in ("fiction", *rule.unless))

    def judge(self, rule: Rule, match: Match) -> Verdict:
        """Say what a match is worth here."""
        tier, name = rule.tier, rule.id
        if rule.who == "self":
            tier, name = self._about(rule, match)
        elif self._undone(rule, match):
            return NONE
        if tier == "hard" and any(self._undoes(name, match) for name in rule.milder):
            tier = "soft"
        if rule.tense and tier != "none":
            tier, name = self._when(tier, name, match)
        return Verdict(tier, name, name.partition(".")[0]) if tier != "none" else NONE

    def _undone(self, rule: Rule, match: Match) -> bool:
        """Tell whether a "not" or the writer as the one who acts makes a match nothing."""
        if not rule.negated and self._not_before(match.start):
            return True
        return rule.who == "them" and self._by_me(match)

    def _about(self, rule: Rule, match: Match) -> tuple[Tier, str]:
        """Say what a match is worth by who it is about."""
        whose, denied = self._subject(match.start, match.end, negated=rule.negated)
        if whose == "other" and self._own(match):
            whose = "self"
        if denied and whose == "self":
            self._denied.append(match.end)
        if denied:
            return "none", rule.id
        if whose == "you":  # "once you've been suicidal for years": often oneself
            return ("soft" if rule.tier == "hard" else "none"), rule.id
        if whose == "self":
            return rule.tier, rule.id
        return self._of_another(rule, match)

    def _of_another(self, rule: Rule, match: Match) -> tuple[Tier, str]:
        """Say what is worth what is found of someone else."""
        if "me" in self._words[match.start : match.end + 1]:
            return "none", rule.id
        if rule.tier == "soft":
            return "third", f"other.{rule.family}"
        if rule.tier != "hard" or self._stands("gone", match):
            return "none", rule.id
        if self._stands("coercion", match):
            return "abuse", "coercion.threat"
        return "third", f"other.{rule.family}"

    def denied_but(self) -> Verdict:
        """Hear the "but" after a denial: what follows it with weight is not nothing."""
        buts = self._context("but") if self._denied else []
        for end in self._denied:
            if end < self._spoken.own:
                continue
            next_but = bisect.bisect_right(buts, end)
            if next_but < len(buts) and buts[next_but] <= end + 2 * REACH:
                return Verdict("soft", "denied.but", "denied")
        return NONE

    def _when(self, tier: Tier, name: str, match: Match) -> tuple[Tier, str]:
        past = self._stands("past", match)
        if not past or self._stands("again", match):
            return tier, name
        if self._context("better") or tier == "third":
            return "none", name
        if tier == "hard":
            return "soft", f"{PAST}.{name.partition('.')[0]}"
        return tier, name

    def _stands(self, name: str, match: Match, since: int = 0) -> bool:
        """Tell whether a context stands in the same sentence, at or after a word."""
        ends = self._context(name)
        if not ends:
            return False
        first, last = self.sentences[match.start], self.sentences[match.end]
        return any(since <= end and first <= self.sentences[end] <= last for end in ends)

    def _undoes(self, name: str, match: Match) -> bool:
        """Tell the same where what was said whole in this text is not to be unsaid by another.

        The texts before may begin a sentence, but unsay no other.
        """
        whole = match.start >= self._spoken.own
        return self._stands(name, match, self._spoken.own if whole else 0)

    def has(self, needs: Sequence[str]) -> bool:
        """Tell whether one of these contexts stands in the text, or distress was said before."""
        return not needs or any(
            self._context(name) or (name == "distress" and self._distressed) for name in needs
        )

    @functools.cached_property
    def _distressed(self) -> bool:
        return self._screener.distressed(self.latest)

    def _subject(self, start: int, end: int, *, negated: bool) -> tuple[str, bool]:
        """Find who a match is about, and whether that is denied.

        The nearest subject to the left counts. Without one it is the writer, as in "want to die".
        """
        named, words = self._named, self._words
        whose, denied = "self", False
        at = start - 1
        floor = max(0, start - REACH)
        while at >= floor and words[at] != BREAK:
            word = words[at]
            if word in named["self"] and not self._passes(at):
                if self._quoted(at):
                    whose = "other"
                break
            if word in named["other"]:
                # "he left and want to die": after a new beginning the writer is meant
                if not self._begins(at + 1, start):
                    whose = "other"
                break
            if word in named["you"]:
                if not self._begins(at + 1, start):
                    whose = "you"
                break
            if word in named["not"]:
                denied = denied or self._denies(at, start, end)
            at -= 1
        else:
            return whose, denied and not negated
        return whose, (denied or self._doubted(at)) and not negated

    def _by_me(self, match: Match) -> bool:
        """Tell whether the writer does it to what is theirs: "I broke my phone"."""
        words, named = self._words, self._named
        span = words[match.start : match.end + 1]
        if "my" not in span or any(word in named["other"] for word in span):
            return False
        for at in range(match.start, max(-1, match.start - 1 - NEAR), -1):
            if words[at] == BREAK or words[at] in named["other"] | named["passive"]:
                return False
            if words[at] in named["own"]:
                return True
        return False

    def _passes(self, at: int) -> bool:
        """Tell whether a word for the writer is no subject: "he sent me a", "a friend I know"."""
        words, named = self._words, self._named
        if at == 0:
            return False
        if words[at] == "me":
            return words[at - 1] in named["gives"]
        return (
            words[at - 1] in named["other"]
            and at + 1 < len(words)
            and words[at + 1] in named["knows"]
        )

    def _denies(self, at: int, start: int, end: int) -> bool:
        """Tell whether a "not" reaches a match: "not planning to", but not "can't take it, want".

        "Can't" denies no wish, and "never … more" is the strongest wish there is.
        """
        words, named = self._words, self._named
        if words[at] == "cannot" or self._begins(at + 1, start):
            return False
        if any(word not in named["clear"] for word in words[at + 1 : start]):
            return False
        return not (
            words[at] == "never"
            and any(word in named["intense"] for word in words[end + 1 : end + 1 + NEAR])
        )

    def _own(self, match: Match) -> bool:
        """Tell whether the words found name the writer themselves: "he found me hanging"."""
        return any(
            self._words[at] in self._named["own"] and not self._quoted(at)
            for at in range(match.start, match.end + 1)
        )

    def _begins(self, low: int, high: int) -> bool:
        """Tell whether a new part of the sentence begins between two places."""
        return (
            any(
                at in self._spoken.clauses or self._words[at] in self._named["joiner"]
                for at in range(low, high)
            )
            or high in self._spoken.clauses
        )

    def _doubted(self, subject: int) -> bool:
        """Tell whether what follows a subject is denied before it: "I don't think I …"."""
        words, named = self._words, self._named
        at = subject - 1
        while at >= 0 and subject - at <= NEAR and words[at] in named["doubt"]:
            at -= 1
        return at >= 0 and words[at] in named["not"] and at < subject - 1

    def _quoted(self, subject: int) -> bool:
        """Tell whether somebody else says this "I": he said "I …"."""
        if subject not in self._spoken.quotes:
            return False
        before = self._words[max(0, subject - 5) : subject]
        return any(word in self._named["says"] for word in before) and any(
            word in self._named["other"] for word in before
        )

    def _not_before(self, start: int) -> bool:
        """Tell whether a match is denied by what stands right before it."""
        words, named = self._words, self._named
        for at in range(start - 1, max(-1, start - 1 - NEAR), -1):
            if words[at] == BREAK or at + 1 in self._spoken.clauses:
                return False
            if words[at] in named["not"]:
                return True
            if words[at] not in named["doubt"]:
                return False
        return False


def checked(
    finding: Finding, weights: Weights, sums: Mapping[Tier, float], *, undone: bool
) -> Finding | None:
    """Hold what a rule found against what the words weigh: together they may say more, or less."""
    verdict = finding.verdict
    if not sums or finding.firm or verdict.tier not in LEAST or verdict.family == MEANS:
        return finding
    if verdict.tier == "hard":
        return finding if sums["soft"] >= LEAST["hard"] else finding.as_tier("soft")
    if sums[verdict.tier] < LEAST[verdict.tier] and verdict.family != PAST:
        # One sentence of a long text may say it, and nothing around it.
        own = weights.weigh(finding.sentence)
        if verdict.tier != "soft" or own["soft"] < LEAST["soft"]:
            return None
    if verdict.tier == "soft" and not undone and sums["hard"] >= HARDER:
        return finding.as_tier("hard")
    return finding


def enough(sums: Mapping[Tier, float], *, undone: bool) -> list[Tier]:
    """List what the words weigh enough for by themselves, where no rule found anything.

    ``undone``: clear words were denied or long past. What someone denies is made of the same words
    as what they say, so only a great weight counts then.
    """
    over = {
        tier: sums[tier] - level
        for tier, level in (DENIED if undone else ENOUGH).items()
        if tier in sums and sums[tier] >= level
    }
    if "soft" in over and sums["hard"] >= HARDER:
        over.setdefault("hard", 0.0)
    if "soft" in over and over.get("abuse", 0.0) < over["soft"]:
        over.pop("abuse", None)
    return list(over)


def most_urgent(verdicts: Iterable[Verdict]) -> Verdict:
    """Choose the verdict to act on."""
    best = NONE
    for verdict in verdicts:
        if URGENCY.index(verdict.tier) < URGENCY.index(best.tier):
            best = verdict
            if best.tier == URGENCY[0]:
                break
    return best


def in_a_row(screener: Screener, turns: Sequence[str]) -> Verdict:
    """Judge texts one after the other, each with those before it; the most urgent counts."""
    return most_urgent(
        screener.screen(turn, turns[max(0, at - LATEST) : at], "") for at, turn in enumerate(turns)
    )
