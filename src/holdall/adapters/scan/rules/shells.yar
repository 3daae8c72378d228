/*
    Web shells. Text types are not looked at: a note about PHP, or a page of HTML as an example in a Markdown file, is
    what it says it is.
*/

rule Web_Shell
{
    meta:
        version = "1"
        description = "PHP that runs what a request sends"
        applies_to = "every type except text/* and application/json"

    strings:
        $run = /(eval|assert|system|exec|shell_exec|passthru|popen|base64_decode)\s{0,8}\(\s{0,8}(stripslashes\s{0,4}\(\s{0,4})?\$_(GET|POST|REQUEST|COOKIE|SERVER)\b/ nocase

    condition:
        not mime startswith "text/" and mime != "application/json" and $run
}
