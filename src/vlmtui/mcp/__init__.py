"""`vlmtui mcp`: local eyes for agents, over the Model Context Protocol.

The protocol over standard input and output is lines of JSON-RPC. Of it a server with one tool needs
five methods; the official package would bring 70 MB, and 2.6 seconds before the first of them.
"""
