"""Samples of sliding blocks, pools of a wanted size, and connectionist temporal classification."""

from __future__ import annotations

# fmt: off
import numpy as np

from triceras.testing import references_patches as ref
from triceras.testing.case import call, case, draw

case("unfold", ref.unfold, (draw(1, 2, 3, 4), 2), call(draw(2, 1, 5, 5), (2, 3), stride=2), (draw(1, 1, 4, 4), 3, 1, 1),
    call(draw(1, 2, 5, 4), 2, dilation=(2, 1), padding=(1, 0)),
    call(np.arange(12, dtype="int32").reshape(1, 1, 3, 4), 2))
case("fold", ref.fold, (draw(1, 4, 2), (2, 3), 2),
    call(draw(2, 12, 2), (5, 4), (2, 3), stride=2),
    call(draw(1, 9, 16), 4, 3, padding=1), call(draw(1, 4, 4), (4, 3), 2, dilation=(2, 1)),
    call(draw(1, 8, 6, dtype="float16"), (4, 3), 2))
_POOLS = [(draw(1, 5, 2), 3), (draw(2, 5, 4, 1), (2, 3)), call(draw(1, 2, 5, 3), 2, data_format="channels_first"),
    (draw(1, 3, 4, 2, 1), (2, 1, 2)), (draw(1, 2, 1, dtype="float16"), 4)]
case("adaptive_average_pool", ref.adaptive(np.mean), *_POOLS, tolerance=1e-4)
case("adaptive_max_pool", ref.adaptive(np.max), *_POOLS)

_LABELS, _LOGITS = np.int32([[1, 2, 2], [3, 0, 0], [4, 4, 4]]), draw(3, 6, 5, low=-4, high=4)
case("ctc_loss", ref.ctc_loss, (_LABELS, _LOGITS, np.int32([3, 1, 3]), np.int32([6, 4, 5])),
    call(np.int32([[1, 2, 2], [3, 0, 0], [3, 3, 3]]), _LOGITS, np.int32([3, 1, 3]), np.int32([6, 4, 6]), mask_index=4),
    (_LABELS[:1], draw(1, 4, 3), np.int32([0]), np.int32([4])),
    (np.int32([[1]]), draw(1, 1, 2), np.int32([1]), np.int32([1])),
    (np.int32([[1, 2]]), draw(1, 3, 3, dtype="float16"), np.int32([2]), np.int32([3])), tolerance=1e-3)
_LENGTHS = np.int32([6, 4, 5])
case("ctc_decode", ref.ctc_decode, (_LOGITS, _LENGTHS), call(_LOGITS, _LENGTHS, merge_repeated=False),
    call(_LOGITS, _LENGTHS, mask_index=4), call(_LOGITS, _LENGTHS, strategy="beam_search", beam_width=200, top_paths=3),
    call(_LOGITS[:2, :4, :3], np.int32([3, 4]), strategy="beam_search", beam_width=40, top_paths=2, mask_index=2),
    tolerance=1e-3, gradient=False)
