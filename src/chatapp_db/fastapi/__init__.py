"""The package inside a FastAPI service: a lifespan, scopes as dependencies, errors as answers.

::

    app = FastAPI(lifespan=lifespan(url), responses=PROBLEMS)
    answer_errors(app)
    Company = Annotated[AsyncCompanyScope, company(signed_in)]

    @app.get("/agents/{id}")
    async def agent(mine: Company, id: UUID) -> AgentRow:
        return await mine.agents.get(id)
"""

from chatapp_db.errors import MissingExtra

try:
    from chatapp_db.fastapi.bodies import JsonBody
    from chatapp_db.fastapi.lifespan import database, lifespan
    from chatapp_db.fastapi.problems import PROBLEMS, STATUS, Problem, answer_errors
    from chatapp_db.fastapi.scopes import company, tenant
except ModuleNotFoundError as error:
    if error.name not in {"fastapi", "starlette"}:
        raise
    raise MissingExtra("fastapi", "chatapp_db.fastapi") from error

__all__ = [
    "PROBLEMS",
    "STATUS",
    "JsonBody",
    "Problem",
    "answer_errors",
    "company",
    "database",
    "lifespan",
    "tenant",
]
