"""What may be said of photographs that were read (06_reading)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .significance import fisher, mcnemar
from .verdict import LEVEL, Verdict, counted, p_is

DEALS = 2000  # random permutations of a test, enough for a p-value of LEVEL


def hardest_kind(missed: ArrayLike, kinds: Sequence[str]) -> Verdict:
    """Return whether the kind of photograph with the largest share of wrong answers is harder than the others.

    `missed` is bool (n,), `kinds` the kind of each photograph. Some kind is always last: so the mistakes are dealt out
    at random DEALS times (a permutation test, Fisher 1935), and it is counted how often the worst kind of a deal
    fares as badly. The value is that p, None where nothing was read wrongly.
    """
    wrong = np.asarray(missed, dtype=bool)
    named = np.asarray(kinds)
    members = {str(kind): named == kind for kind in sorted(set(kinds))}
    shares = {kind: float(wrong[places].mean()) for kind, places in members.items()}
    facts: dict[str, Any] = {"photographs": len(wrong), "wrong": int(wrong.sum()), "shares": shares}
    if not wrong.any():
        return Verdict("hardest_kind", None, "Nothing was read wrongly, so no kind can be told apart as harder.", facts)
    worst = max(shares, key=lambda kind: shares[kind])
    generator = np.random.default_rng(0)
    dealt = np.array([generator.permutation(wrong) for _ in range(DEALS)])
    worst_dealt = np.max([dealt[:, places].mean(axis=1) for places in members.values()], axis=0)
    p_value = float(((worst_dealt >= shares[worst]).sum() + 1) / (DEALS + 1))
    if p_value < LEVEL:
        sentence = f"Photographs of the kind *{worst}* are harder than the others ({p_is(p_value)})."
    else:
        sentence = "No kind of photograph is told apart as the hardest: chance alone deals out mistakes as unevenly "
        sentence += f"({p_is(p_value)})."
    return Verdict("hardest_kind", p_value, sentence, facts)


def framing_gain(framed_right: ArrayLike, plainly_right: ArrayLike, framing: str = "ink") -> Verdict:
    """Return whether `framing` changes how many photographs are read, by `mcnemar`; the value is p.

    Both are bool (n,) for the same photographs and the same network: framed, and plainly shrunk.
    """
    only_framed, only_plain, p_value = mcnemar(framed_right, plainly_right)
    framed = int(np.asarray(framed_right, dtype=bool).sum())
    plain = int(np.asarray(plainly_right, dtype=bool).sum())
    facts: dict[str, Any] = {"framing": framing, "photographs": len(np.asarray(framed_right))}
    facts |= {"framed": framed, "plain": plain, "only_framed": only_framed, "only_plain": only_plain}
    split = f"({only_framed} are read only with it, {only_plain} only without; {p_is(p_value)})"
    if p_value >= LEVEL:
        sentence = f"The framing `{framing}` makes no difference that these photographs show {split}."
    elif only_framed > only_plain:
        sentence = f"The framing `{framing}` helps {split}."
    else:
        sentence = f"The framing `{framing}` does harm {split}."
    return Verdict("framing_gain", p_value, sentence, facts)


def same_pixels(images: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> Verdict:
    """Return whether two ways to frame photographs give the same images; the value is how many are the same."""
    same = sum(np.array_equal(*pair) for pair in zip(images, others, strict=True))
    if same == len(images):
        sentence = "`frame_ink`, which takes all steps at once, gives the same pixels."
    else:
        sentence = f"`frame_ink`, which takes all steps at once, gives the same pixels for {same} of {len(images)}."
    return Verdict("same_pixels", same, sentence, {"photographs": len(images), "same": same})


def reader_knows(unknown: str) -> Verdict:
    """Return whether a reader says which of its answers are sure; `unknown` is why not, empty where it does.

    The value is `unknown`.
    """
    if unknown:
        sentence = f"It does not know which answers are sure: {unknown}."
    else:
        sentence = "It says of each answer whether it is sure."
    return Verdict("reader_knows", unknown, sentence, {"unknown": unknown})


def sure_answers(right: ArrayLike, sure: Sequence[bool | None], found: ArrayLike) -> Verdict:
    """Return whether sure answers are right more often than the others; the value is p, None where there is no telling.

    For each photograph: `right`, bool; `sure`, None where the reader does not know; `found`, bool, whether a digit was
    found at all. Photographs without one have no answer and are left out. Fisher's exact test (1922), two-sided.
    """
    is_found = np.asarray(found, dtype=bool)
    is_right = np.asarray(right, dtype=bool)[is_found]
    known = [one for one, there in zip(sure, is_found, strict=True) if there]
    is_sure = np.array([bool(one) for one in known], dtype=bool)
    wrong = int((is_sure & ~is_right).sum())
    facts = {"not_found": int((~is_found).sum()), "sure": int(is_sure.sum()), "sure_and_wrong": wrong}
    facts |= {"answers": len(known), "right": int(is_right.sum())}
    counts = (
        f"Of {counted(facts['sure'], 'sure answer')} {wrong:,} are wrong, of {len(known) - facts['sure']:,} others "
    )
    counts += f"{int((~is_sure & ~is_right).sum()):,}"
    if None in known or not known:
        return Verdict("sure_answers", None, "Which of its answers are sure, this reader does not know.", facts)
    if facts["sure"] in (0, len(known)):
        return Verdict("sure_answers", None, f"{counts}, so that there is nothing to compare.", facts)
    p_value = fisher(is_right[is_sure], is_right[~is_sure])
    test = f"(Fisher's exact test, {p_is(p_value)})"
    if p_value >= LEVEL:
        sentence = f"{counts}: the two are not told apart {test}."
    elif is_right[is_sure].mean() > is_right[~is_sure].mean():
        sentence = f"{counts}: a sure answer is right more often {test}."
    else:
        sentence = f"{counts}: a sure answer is right less often {test}."
    return Verdict("sure_answers", p_value, sentence, facts)
