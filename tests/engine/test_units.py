"""Rows of units, as the KV cache holds them."""

from vlmtui.engine.backends.llamacpp.prompt_units import (
    ImageUnit,
    common_prefix,
    count_image_tokens,
    count_positions,
    count_tokens,
)

CAT = ImageUnit("aa", 0, tokens=576, positions=576)
DOG = ImageUnit("bb", 0, tokens=576, positions=576)
QWEN = ImageUnit("cc", 0, tokens=256, positions=16)


def test_rows_share_what_is_equal_from_the_beginning():
    assert common_prefix([1, CAT, 2, 3], [1, CAT, 2, 4, 3]) == 3


def test_another_picture_in_the_same_place_ends_what_is_shared():
    assert common_prefix([1, CAT, 2], [1, DOG, 2]) == 1


def test_another_part_of_the_same_picture_is_not_the_same():
    assert common_prefix([CAT], [ImageUnit("aa", 1, 576, 576)]) == 0


def test_a_row_shares_all_of_its_own_beginning():
    assert common_prefix([1, 2], [1, 2, 3]) == 2
    assert common_prefix([], [1]) == 0


def test_tokens_and_positions_differ_where_a_model_says_so():
    assert count_tokens([1, QWEN, 2]) == 258
    assert count_positions([1, QWEN, 2]) == 18
    assert count_image_tokens([1, QWEN, 2, CAT]) == 256 + 576
