"""Files of the current folder by Starlette's own ``FileResponse``, which the reference server runs on granian."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route


async def get_file(request: Request) -> Response:
    """The file, or 304 for one who has it; ``FileResponse`` alone knows no conditions."""
    path = Path(request.path_params["name"])
    response = FileResponse(path, stat_result=os.stat(path))  # noqa: PTH116  what a handler does without threads
    if request.headers.get("if-none-match") == response.headers["etag"]:
        return Response(status_code=304, headers={"ETag": response.headers["etag"]})
    return response


app = Starlette(routes=[Route("/{name}", get_file)])
