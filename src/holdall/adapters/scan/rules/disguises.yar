/*
    Scripts and pages in files that are called something else. A web server or a browser that is talked into reading
    such a file in another way would run them; Holdall does neither, so these rules protect whoever copies the files.

    The external variable `mime` is the type that the file was taken for. Text types are never looked at here: a note
    about PHP, or a page of HTML as an example in a Markdown file, is what it says it is.
*/

rule Script_In_Image
{
    meta:
        version = "1"
        description = "Server-side script inside a raster image (comment, metadata, or behind its end)"
        applies_to = "image/*"

    strings:
        $php = "<?php" nocase
        $jsp = "<%@ page" nocase
        $asp = "<%@ language" nocase
        $asp_eval = /<%\s{0,8}(eval|execute)\s{0,8}[( ]\s{0,8}request/ nocase
        $shell = /#!\s?\/(usr\/)?(local\/)?bin\/[a-z]{2,8}/

    condition:
        mime startswith "image/" and any of them
}

rule Page_In_Image
{
    meta:
        version = "1"
        description = "HTML or JavaScript inside a raster image"
        applies_to = "image/*, except image/svg+xml, which is markup"

    strings:
        $script = /<script[\s>\/]/ nocase
        $iframe = /<iframe[\s>\/]/ nocase
        $html = /<html[\s>]/ nocase
        $gif_comment = /GIF8[79]a\/\*/

    condition:
        mime startswith "image/" and mime != "image/svg+xml" and
        (any of ($script, $iframe, $html) or $gif_comment at 0)
}

rule Web_Shell
{
    meta:
        version = "1"
        description = "PHP that runs what a request sends"
        applies_to = "every type except text/* and application/json"

    strings:
        $tag = "<?" nocase
        $run = /(eval|assert|system|exec|shell_exec|passthru|popen|base64_decode)\s{0,8}\(\s{0,8}(stripslashes\s{0,4}\(\s{0,4})?\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase

    condition:
        not mime startswith "text/" and mime != "application/json" and $tag and $run
}
