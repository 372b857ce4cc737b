"""Stores of other programs, as they lay out files, with small GGUFs in them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path


class HuggingFace:
    """A cache as huggingface_hub writes it: files are links to blobs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, repository: str, file: str, content: bytes, *, revision: str = "a" * 40) -> Path:
        folder = self.root / f"models--{repository.replace('/', '--')}"
        blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        path = folder / "snapshots" / revision / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(blob, path.parent))
        self.point(repository, revision)
        return path

    def point(self, repository: str, revision: str) -> None:
        ref = self.root / f"models--{repository.replace('/', '--')}" / "refs" / "main"
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(revision)


class Ollama:
    """A store as Ollama writes it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self.root / "blobs" / f"sha256-{digest}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return f"sha256:{digest}"

    def put(
        self,
        name: str,
        tag: str,
        model: bytes,
        projector: bytes | None = None,
        *,
        owner: str = "library",
        host: str = "registry.ollama.ai",
    ) -> Path:
        layers = [("model", self.blob(model)), ("template", self.blob(b"{{ .Prompt }}"))]
        if projector is not None:
            layers.append(("projector", self.blob(projector)))
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"digest": self.blob(b"{}"), "size": 2},
            "layers": [
                {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": digest, "size": 1}
                for kind, digest in layers
            ],
        }
        path = self.root / "manifests" / host / owner / name / tag
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(manifest))
        return path


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
