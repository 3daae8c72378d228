/*
    Scripts in images. A web server that is talked into reading such a file in another way would run them; Holdall never
    does, so these rules protect whoever copies the files.
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
        $shell = "#!/bin/"
        $shell_spaced = "#! /bin/"
        $shell_usr = "#!/usr/"

    condition:
        mime startswith "image/" and any of them
}
