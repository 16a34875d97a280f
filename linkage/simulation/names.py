"""Names: which exist, how often, in which tradition, and by what else each is known.

Rules:

- A name is a number, its place in one lexicon; texts are looked up at the end, for all people at once.
- Names and their frequencies come from the lists of the `faker` library. A list without frequencies gets Zipf's law
  over an order that is drawn once and for all, so that it does not depend on the seed of a world.
- A tradition says how a family passes names on: one last name or two, whether a child bears its father's first name
  as middle name, whether daughters' last names take another form, who keeps her name at marriage.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import jellyfish
import numpy as np
from faker.providers.person.de_DE import Provider as German
from faker.providers.person.en_GB import Provider as British
from faker.providers.person.en_IN import Provider as Indian
from faker.providers.person.en_US import Provider as American
from faker.providers.person.es_CO import Provider as Colombian
from faker.providers.person.es_MX import Provider as Mexican
from faker.providers.person.fr_FR import Provider as French
from faker.providers.person.it_IT import Provider as Italian
from faker.providers.person.nl_NL import Provider as Dutch
from faker.providers.person.no_NO import Provider as Norwegian
from faker.providers.person.pl_PL import Provider as Polish
from faker.providers.person.ru_RU import Provider as Russian
from faker.providers.person.sv_SE import Provider as Swedish
from faker.providers.person.uk_UA import Provider as Ukrainian
from faker.providers.person.vi_VN import Provider as Vietnamese
from faker.providers.person.zh_CN import Provider as Chinese

from linkage.simulation import spellings
from linkage.simulation.arrays import Flags, Floats, Ints, Texts, texts

FEMALE, MALE = 0, 1
#: No name: no second first name, no second last name, no nickname.
NONE = -1

#: The order of :data:`TRADITIONS`, for people's arrays of traditions.
ENGLISH, SPANISH, VIETNAMESE, CHINESE, SOUTH_ASIAN, ARABIC, SOMALI, SLAVIC = range(8)

_USABLE = re.compile(r"^[^\W\d_]+(?:['. -]{1,2}[^\W\d_]+){0,2}$")
_LETTERS_WITHOUT_MARKS = str.maketrans(
    {"đ": "d", "Đ": "D", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae"}
)


def without_accents(text: str) -> str:
    """Return ``text`` with its accents and other marks dropped."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS_WITHOUT_MARKS))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@dataclass(frozen=True)
class Pool:
    """Names that one draws from, with how often each is drawn."""

    codes: Ints
    cumulative: Floats

    def draw(self, rng: np.random.Generator, count: int) -> Ints:
        """Draw ``count`` names by their frequency."""
        return self.codes[np.searchsorted(self.cumulative, rng.random(count), side="right")]


@dataclass(frozen=True)
class Alternatives:
    """For each name, the other names that may stand for it: a ragged array of codes."""

    starts: Ints
    codes: Ints

    def any_for(self, names: Ints) -> Flags:
        """Tell which names have an alternative; NONE has none."""
        result: Flags = (names >= 0) & (self.starts[names + 1] > self.starts[names])
        return result

    def draw(self, rng: np.random.Generator, names: Ints) -> Ints:
        """Draw one alternative for each name, all of which must have one."""
        start, stop = self.starts[names], self.starts[names + 1]
        return self.codes[start + (rng.random(len(names)) * (stop - start)).astype(np.int64)]


@dataclass(frozen=True)
class Lexicon:
    """Every name of the world by its code, with and without accents, and what may stand for it."""

    text: Texts
    plain: Texts
    nicknames: Alternatives
    variants: Alternatives
    feminine: Ints


@dataclass(frozen=True)
class Tradition:
    """How families of one origin name themselves."""

    label: str
    given: tuple[Pool, Pool]
    middle: tuple[Pool, Pool]
    surnames: Pool
    two_surnames: bool = False
    second_given: float = 0.0
    middle_share: float = 0.9
    middle_of: Literal["pool", "father"] = "pool"
    surname_of: Literal["father", "grandfather"] = "father"
    takes_name_at_marriage: float = 0.75
    english_name: float = 0.0
    english_learner: float = 0.0
    juniors: float = 0.0


@dataclass(frozen=True)
class NameBook:
    """The lexicon and the traditions, in the order of this module's constants."""

    lexicon: Lexicon
    traditions: tuple[Tradition, ...]

    def similar(self, name: int, pool: Pool) -> int:
        """Return the most alike other name of a pool with the same initial, as parents of twins like; or the same."""
        plain: list[str] = self.lexicon.plain.tolist()
        others = [c for c in pool.codes.tolist() if c != name and plain[c][0] == plain[name][0]]
        return max(others, key=lambda c: jellyfish.jaro_winkler_similarity(plain[name], plain[c]), default=name)


class _Builder:
    """Collects names while the book is put together."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._order = np.random.default_rng(20160901)

    def code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def pool(self, *parts: tuple[float, Mapping[str, float] | Iterable[str]]) -> Pool:
        """Mix lists by their shares; a plain list gets Zipf's law over a drawn order."""
        weights: dict[int, float] = {}
        for share, names in parts:
            if isinstance(names, Mapping):
                listed = {name: float(weight) for name, weight in names.items()}
            else:
                ordered = sorted(set(names))
                ranks = self._order.permutation(len(ordered))
                listed = {name: 1.0 / (rank + 8.0) for name, rank in zip(ordered, ranks, strict=True)}
            usable = {n: w for n, w in listed.items() if _USABLE.match(n) and len(n) <= 18}
            total = sum(usable.values())
            for name, weight in usable.items():
                code = self.code(name)
                weights[code] = weights.get(code, 0.0) + share * weight / total
        cumulative = np.cumsum(np.fromiter(weights.values(), dtype=np.float64))
        cumulative /= cumulative[-1]
        return Pool(np.fromiter(weights, dtype=np.int32), cumulative)

    def alternatives(self, links: Mapping[str, Iterable[str]]) -> Alternatives:
        """Turn names with what may stand for them into a ragged array; call when all names are known."""
        by_code = {self._codes[n]: [self._codes[o] for o in others] for n, others in links.items()}
        lengths = [len(by_code.get(code, ())) for code in range(len(self._codes))]
        flat = [other for code in range(len(self._codes)) for other in by_code.get(code, ())]
        # One entry more than names, so that NONE (-1) is looked up without a fault.
        return Alternatives(np.cumsum([0, *lengths], dtype=np.int64), np.array(flat, dtype=np.int32))

    def codes_of(self, links: Mapping[str, str]) -> Ints:
        """Return for each name the code it maps to, itself where ``links`` says nothing."""
        return np.array([self._codes[links.get(name, name)] for name in self._codes], dtype=np.int32)

    def names(self) -> list[str]:
        return list(self._codes)


def _romanised(name: str, letters: Mapping[str, str]) -> str:
    return "".join(letters.get(letter, letter) for letter in name.lower().replace("’", "")).capitalize()


def _passport(names: Iterable[str]) -> list[str]:
    return [_romanised(name, spellings.CYRILLIC_PASSPORT) for name in names]


def _alone_and_paired(names: Iterable[str], between: str) -> list[str]:
    """Given names of one part and of two: Minh, Minh Anh; Xia, Xiaming."""
    single = list(dict.fromkeys(name for name in names if len(name) <= 6))
    pairs = [(a, b if between else b.lower()) for a in single for b in single if a != b]
    return single + [between.join(pair) for pair in pairs]


def _links(groups: Iterable[Iterable[str]]) -> dict[str, list[str]]:
    """Every name of a group may stand for every other; a name's groups add up."""
    links: dict[str, list[str]] = {}
    for group in groups:
        members = list(dict.fromkeys(group))
        for name in members:
            links.setdefault(name, []).extend(other for other in members if other != name)
    return {name: list(dict.fromkeys(others)) for name, others in links.items()}


def _chinese_spellings(names: Iterable[str]) -> list[list[str]]:
    groups = []
    for name in names:
        split = re.match(r"^([A-Z][a-z]*?[aeiou]n?g?)([bcdfghjklmnpqrstwxyz][a-z]+)$", name)
        if split:
            first, second = split.groups()
            groups.append([name, f"{first} {second.capitalize()}", f"{first}-{second.capitalize()}"])
    return groups


def _article_spellings(names: Iterable[str]) -> list[list[str]]:
    stems = [name.removeprefix("Al-") for name in names if name.startswith("Al-")]
    return [[f"Al-{stem}", f"El-{stem}", f"Al {stem}", f"Al{stem.lower()}", stem] for stem in stems]


def _european_surnames() -> tuple[tuple[float, Iterable[str]], ...]:
    return (
        (0.16, British.last_names),
        (0.05, German.last_names),
        (0.03, Dutch.last_names),
        (0.04, Italian.last_names),
        (0.02, French.last_names),
        (0.03, Polish.unisex_last_names),
        (0.02, Swedish.last_names),
        (0.02, Norwegian.last_names),
        (0.03, spellings.PARTICLE_SURNAMES),
    )


@functools.cache
def name_book() -> NameBook:
    """Put the book of names together; the same for every world."""
    build = _Builder()
    american = (
        build.pool(
            (0.86, American.first_names_female),
            (0.08, British.first_names_female),
            (0.06, French.first_names_female),
        ),
        build.pool(
            (0.86, American.first_names_male), (0.08, British.first_names_male), (0.06, Italian.first_names_male)
        ),
    )
    english = Tradition("english", american, american, build.pool((0.6, American.last_names), *_european_surnames()),
                        english_learner=0.01, juniors=0.06)  # fmt: skip

    hispanic = (build.pool((1.0, Colombian.first_names_female)), build.pool((1.0, Colombian.first_names_male)))
    hispanic_surnames = build.pool(
        (0.62, Colombian.last_names), (0.34, Mexican.last_names), (0.04, spellings.SPANISH_PARTICLE_SURNAMES)
    )
    spanish = Tradition("spanish", hispanic, hispanic, hispanic_surnames, two_surnames=True, second_given=0.22,
                        middle_share=0.35, takes_name_at_marriage=0.15, english_learner=0.35, juniors=0.03)  # fmt: skip

    women = _alone_and_paired((*Vietnamese.first_names_female, *Vietnamese.first_names_unisex), " ")
    men = _alone_and_paired((*Vietnamese.first_names_male, *Vietnamese.first_names_unisex), " ")
    vietnamese = Tradition(
        "vietnamese",
        (build.pool((1.0, women)), build.pool((1.0, men))),
        (build.pool((0.7, ("Thị",)), (0.3, women)), build.pool((0.4, ("Văn",)), (0.6, Vietnamese.middle_names))),
        # Two in five bear the commonest name, as among Vietnamese families everywhere.
        build.pool((0.4, ("Nguyễn",)), (0.6, Vietnamese.last_names)),
        takes_name_at_marriage=0.1, english_name=0.35, english_learner=0.3,
    )  # fmt: skip

    syllables = _alone_and_paired(Chinese.first_romanized_names, "")
    mandarin = (build.pool((1.0, syllables)), build.pool((1.0, syllables)))
    chinese = Tradition("chinese", mandarin, american, build.pool((1.0, Chinese.last_romanized_names)),
                        middle_share=0.08, takes_name_at_marriage=0.05, english_name=0.4,
                        english_learner=0.25)  # fmt: skip

    indian = (build.pool((1.0, Indian.first_names_female)), build.pool((1.0, Indian.first_names_male)))
    south_asian = Tradition("south asian", indian, indian, build.pool((1.0, Indian.last_names)), middle_share=0.35,
                            middle_of="father", takes_name_at_marriage=0.6, english_learner=0.15)  # fmt: skip

    levantine = (build.pool((1.0, spellings.ARABIC_WOMEN)), build.pool((1.0, spellings.ARABIC_MEN)))
    arabic = Tradition("arabic", levantine, levantine, build.pool((1.0, spellings.ARABIC_SURNAMES)), middle_share=0.6,
                       middle_of="father", takes_name_at_marriage=0.15, english_learner=0.4)  # fmt: skip

    somali_given = (build.pool((1.0, spellings.SOMALI_WOMEN)), build.pool((1.0, spellings.SOMALI_MEN)))
    somali = Tradition("somali", somali_given, somali_given, somali_given[MALE], middle_share=1.0, middle_of="father",
                       surname_of="grandfather", takes_name_at_marriage=0.0, english_learner=0.5)  # fmt: skip

    slavic_given = (
        build.pool((0.6, _passport(Russian.first_names_female)), (0.4, _passport(Ukrainian.first_names_female))),
        build.pool((0.6, _passport(Russian.first_names_male)), (0.4, _passport(Ukrainian.first_names_male))),
    )
    slavic_surnames = build.pool(
        (0.6, _passport(Russian.last_names_male)), (0.4, _passport(Ukrainian.last_names_common))
    )
    slavic = Tradition("slavic", slavic_given, slavic_given, slavic_surnames, middle_share=0.3,
                       takes_name_at_marriage=0.8, english_learner=0.3)  # fmt: skip
    traditions = (english, spanish, vietnamese, chinese, south_asian, arabic, somali, slavic)
    return NameBook(_lexicon(build, syllables), traditions)


def _lexicon(build: _Builder, syllables: Iterable[str]) -> Lexicon:
    cyrillic = (
        *Russian.first_names, *Russian.last_names, *Ukrainian.first_names, *Ukrainian.last_names_common,
    )  # fmt: skip
    feminine = {
        _romanised(man, spellings.CYRILLIC_PASSPORT): _romanised(woman, spellings.CYRILLIC_PASSPORT)
        for man, woman in zip(Russian.last_names_male, Russian.last_names_female, strict=True)
    }
    nicknames = {line[0]: line[1:] for line in spellings.lines(spellings.NICKNAMES)}
    groups = [
        *spellings.lines(spellings.VARIANTS),
        *_chinese_spellings(syllables),
        *_article_spellings(spellings.ARABIC_SURNAMES),
        *([_romanised(n, spellings.CYRILLIC_PASSPORT), _romanised(n, spellings.CYRILLIC_SCHOOL)] for n in cyrillic),
    ]
    for link in (nicknames, _links(groups)):
        for name, others in link.items():
            for member in (name, *others):
                build.code(member)
    for man, woman in feminine.items():
        build.code(man)
        build.code(woman)
    # Listed names may carry accents that the tables here lack, so the tables are matched without them.
    by_plain: dict[str, list[str]] = {}
    for name in build.names():
        by_plain.setdefault(without_accents(name), []).append(name)

    def spread(links: Mapping[str, list[str]]) -> dict[str, list[str]]:
        return {name: others for key, others in links.items() for name in by_plain[without_accents(key)] if others}

    names = build.names()
    return Lexicon(
        texts(list(names)),
        texts([without_accents(name) for name in names]),
        build.alternatives(spread(nicknames)),
        build.alternatives(spread(_links(groups))),
        build.codes_of(feminine),
    )
