"""A browser that draws without a graphics card is asked to leave out what only moves.

Every click sets off some 250 ms of ripples and fades, each frame of which such a browser draws with all cores
in 12 to 20 ms: a training on this computer pays for it. Flutter leaves them out where a person prefers less
motion; a page that is drawn in software is told that this is so.
"""

from collections.abc import MutableMapping
from typing import Any, Final

from app.ui.loopback import Receive, Scope, Send, Site

_HEAD: Final = b"<head>"
_SCRIPT: Final = b"""<script>
(() => {
  const context = document.createElement("canvas").getContext("webgl");
  const names = context?.getExtension("WEBGL_debug_renderer_info");
  const name = names?.UNMASKED_RENDERER_WEBGL ?? context?.RENDERER;
  const drawnBy = context ? context.getParameter(name) : "software";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  if (!/software|swiftshader|llvmpipe|softpipe|basic render/i.test(drawnBy)) return;
  const ask = window.matchMedia.bind(window);
  window.matchMedia = (query) => ask(query.includes("prefers-reduced-motion: reduce") ? "all" : query);
})();
</script>"""


def still_without_a_graphics_card(site: Site) -> Site:
    """The same site, whose pages begin by finding out what draws them."""

    async def stilled(scope: Scope, receive: Receive, send: Send) -> None:
        is_page = False

        async def with_script(message: MutableMapping[str, Any]) -> None:
            nonlocal is_page
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                is_page = any(name == b"content-type" and b"text/html" in value for name, value in headers)
                if is_page:  # its length changes
                    kept = [header for header in headers if header[0] != b"content-length"]
                    message = {**message, "headers": kept}
            elif is_page and _HEAD in message.get("body", b""):
                message = {**message, "body": message["body"].replace(_HEAD, _HEAD + _SCRIPT, 1)}
            await send(message)

        await site(scope, receive, with_script)

    return stilled
