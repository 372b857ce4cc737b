"""Downloads of models, into the cache that all tools of the Hugging Face Hub share.

Files of other addresses go to a directory of our own. `Pull(wanted).run()` is a stream of events,
for a worker thread; `cancel` may be called from any other. What has come stays where it is, and the
next pull goes on from there. After `Resolved` no file is fetched until the next event is asked for,
so a caller can look at the plan first, and `cancel`:

    pull = Pull("qwen2.5-vl-3b")
    for event in pull.run():
        match event:
            case Resolved(plan): ...     # what will be fetched, from where, how much
            case Progress(): ...
            case Finished(paths=paths): ...
            case Cancelled(kept=kept): ...

Errors are `PullError`s. `AmbiguousFiles` lists files to choose from; pull again with the chosen one
as `model` or `mmproj`.

Why huggingface_hub (2.4) doesn't transfer: its `hf_hub_download` writes into a file with a random
name and removes it when anything goes wrong, so a killed or cut off download begins again at
nothing; it compares lengths but no hashes; it can't be cancelled; a full disk is only a warning.
The same holds for hf-xet, which is not used: the Hub serves every file of up to 50 GB over plain
HTTP too. Nor does it list: it takes answers without end, and unpacks them. So both are done here,
into the cache's documented layout: while bytes come, they are in `blobs/ETAG.incomplete`, under the
lock that huggingface_hub takes for the same file.
"""
