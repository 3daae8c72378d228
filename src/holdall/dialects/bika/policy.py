"""What a Bika space takes: nearly every document, image, archive and recording; nothing that runs.

Files of an unknown extension are kept as they are and only ever handed out as downloads.
"""

from holdall.domain.findings import TOLERANT
from holdall.domain.policy import Kind, UploadPolicy
from holdall.domain.signatures import ACTIVE_CONTENTS, OPAQUE, TYPES

REFUSED_EXTENSIONS = frozenset(
    "apk app asp aspx bat cgi cmd com cpl dll dmg exe hta htm html jar js jse jsp jspx lnk mht mhtml mjs msi "
    "phar php php3 php4 php5 phtml pif pl ps1 py rb reg scr sh shtml svg svgz swf vb vbe vbs wasm wsf xht xhtml "
    "xml xsl xslt".split()
)
"""What a browser, a server or a desktop would run or render as a page, whatever its content is called."""


def attachment_policy(max_bytes: int) -> UploadPolicy:
    """The policy of ``POST /attachments``."""
    return UploadPolicy(
        kind=Kind("file", TYPES, max_bytes),
        fallback=OPAQUE,
        refused_extensions=REFUSED_EXTENSIONS,
        refused_contents=ACTIVE_CONTENTS,
        findings=TOLERANT,
    )
