/*
    Pages in images. A browser that is talked into reading such a file in another way would run them; it is told not to
    where Holdall serves it, so these rules protect whoever copies the files.
*/

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
        (any of ($script, $iframe, $html) or (is_start and $gif_comment at 0))
}
