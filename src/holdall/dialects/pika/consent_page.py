"""What the consent page looks like: plain HTML and one style sheet, no scripts, and nothing from elsewhere.

Whatever comes from a client is escaped here, and isolated from the writing direction of what stands around it.
"""

import base64
import hashlib
from html import escape
from string import Template

INCOMPLETE = "Fill in both your login and your password."
WRONG = "Login and password do not belong together. Nothing was approved."
TOO_MANY = "Too many tries. Wait a minute, then try again."
UNREADABLE = "The request cannot be read."
FOREIGN = "This form can only be sent from the page itself. Open it anew and try again."

_STYLE = """
:root{color-scheme:light dark;--paper:#f4f5f7;--card:#fff;--ink:#1c2024;--faint:#5b6470;--line:#d5dae0;
--strong:#1f5fbf;--stronger:#174c9c;--on-strong:#fff;--bad:#a3191f;--bad-paper:#fdeced;--field:#fff}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1e2228;--ink:#eceef1;--faint:#a3adb8;--line:#3a424c;
--strong:#7db1ff;--stronger:#9ec5ff;--on-strong:#0d1b2e;--bad:#ffb3b6;--bad-paper:#3a1d20;--field:#14171b}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:1rem;
background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:26rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;
padding:2rem;box-shadow:0 1px 3px rgb(0 0 0/.08)}
.mark{margin:0 0 1.25rem;color:var(--faint);font-size:.875rem;font-weight:600;letter-spacing:.04em}
h1{margin:0 0 .75rem;font-size:1.375rem;line-height:1.3;overflow-wrap:anywhere}
p{margin:0 0 1rem;overflow-wrap:anywhere}
.small{color:var(--faint);font-size:.875rem}
label{display:block;margin:0 0 .25rem;font-weight:600}
input{width:100%;margin:0 0 1rem;padding:.625rem .75rem;font:inherit;color:inherit;background:var(--field);
border:1px solid var(--faint);border-radius:.5rem}
button{width:100%;min-height:2.75rem;margin:0 0 .75rem;padding:.5rem 1rem;font:inherit;font-weight:600;
border:1px solid var(--strong);border-radius:.5rem;cursor:pointer}
button.yes{background:var(--strong);color:var(--on-strong)}
button.yes:hover{background:var(--stronger)}
button.no{background:transparent;color:var(--strong)}
button.no:hover{text-decoration:underline}
:focus-visible{outline:3px solid var(--strong);outline-offset:2px}
.bad{padding:.75rem 1rem;border-radius:.5rem;background:var(--bad-paper);color:var(--bad)}
code{font:1.0625rem/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.secret{display:block;margin:0 0 1rem;padding:.75rem 1rem;border:1px dashed var(--faint);border-radius:.5rem;
user-select:all}
@media (max-width:30rem){body{padding:0;align-items:stretch}main{border:0;border-radius:0;padding:1.5rem;
box-shadow:none}}
"""
STYLE_DIGEST = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""The style sheet's place in a Content-Security-Policy."""

_PAGE = Template(
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    '<meta name="robots" content="noindex">\n'
    f"<title>$title</title>\n<style>{_STYLE}</style>\n</head>\n"
    '<body>\n<main>\n<p class="mark">HOLDALL</p>\n$content\n</main>\n</body>\n</html>\n'
)
_FORM = Template("""\
<h1><bdi>$name</bdi> wants to sign in</h1>
<p>If you approve, it gets a key of its own to everything that is yours here. You can take the key back at any time.</p>
$fault<form method="post">
<label for="user_login">Login or e-mail address</label>
<input id="user_login" name="user_login" type="text" value="$login" dir="auto" autocomplete="username"
 autocapitalize="none" spellcheck="false" maxlength="200" required$focus_login>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required$focus_password>
<button class="yes" name="decision" value="approve">Approve</button>
<button class="no" name="decision" value="refuse" formnovalidate>Refuse</button>
</form>
$target""")


def form(name: str, target: str, login: str, fault: str) -> str:
    """The form for an application of this name, that sends people back to ``target``; ``fault`` is what was wrong."""
    content = _FORM.substitute(
        name=escape(name),
        login=escape(login[:200]),
        fault=f'<p class="bad" role="alert">{escape(fault)}</p>\n' if fault else "",
        focus_login="" if login else " autofocus",
        focus_password=" autofocus" if login else "",
        target=f'<p class="small">You will then be back at <bdi>{escape(target)}</bdi>.</p>' if target else "",
    )
    return _page(f"{name} wants to sign in", content)


def secret(name: str, login: str, secret: str) -> str:
    """The secret, shown this once, for who has to carry it to the application."""
    return _page(
        "Approved",
        f"<h1>Approved</h1>\n<p>This is the key for <bdi>{escape(name)}</bdi>, with the login "
        f"<bdi><code>{escape(login)}</code></bdi>. It is shown this once.</p>\n"
        f'<code class="secret">{escape(secret)}</code>\n'
        '<p class="small">Copy it into the application. Whoever has it can read and change what is yours here.</p>',
    )


def refused(name: str) -> str:
    """Nothing was given out."""
    return _page("Refused", f"<h1>Refused</h1>\n<p><bdi>{escape(name)}</bdi> got no key. You can close this page.</p>")


def elsewhere(parameter: str, own: str) -> str:
    """An address to go back to is not ours, so nobody is sent there."""
    return _page(
        "Not possible",
        "<h1>This request is not safe</h1>\n"
        f'<p class="bad" role="alert">The application wants you sent to an address that does not belong to this server '
        f"(<code>{escape(parameter)}</code>), and would get your key there. Nothing was approved.</p>\n"
        f'<p class="small">Only addresses of <bdi>{escape(own)}</bdi> are taken.</p>',
    )


def fault(text: str) -> str:
    """Something else went wrong."""
    return _page("Not possible", f'<h1>This did not work</h1>\n<p class="bad" role="alert">{escape(text)}</p>')


def _page(title: str, content: str) -> str:
    return _PAGE.substitute(title=escape(title), content=content)
