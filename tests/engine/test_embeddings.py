"""The bounded cache of image embeddings."""

import ctypes

from vlmtui.engine.backends.llamacpp.embeddings import EmbeddingCache


def embedding(floats: int) -> ctypes.Array:
    return (ctypes.c_float * floats)()


def test_the_longest_unused_picture_leaves_first():
    cache = EmbeddingCache(limit_bytes=2 * 400)
    cache.put("a", [embedding(100)])
    cache.put("b", [embedding(100)])
    cache.get("a")
    cache.put("c", [embedding(100)])
    assert "a" in cache and "c" in cache and "b" not in cache
    assert cache.size_bytes == 800


def test_a_picture_larger_than_the_bound_is_kept_while_it_is_the_newest():
    cache = EmbeddingCache(limit_bytes=100)
    cache.put("large", [embedding(100), embedding(100)])
    assert len(cache.get("large")) == 2
    cache.put("small", [embedding(10)])
    assert "large" not in cache and "small" in cache


def test_putting_a_picture_again_does_not_count_it_twice():
    cache = EmbeddingCache(limit_bytes=1000)
    cache.put("a", [embedding(100)])
    cache.put("a", [embedding(50)])
    assert cache.size_bytes == 200
