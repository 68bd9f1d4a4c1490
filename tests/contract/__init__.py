"""The vector store's contract: the same cases on every engine, blocking and asyncio."""
