/*
    Programs in files that are called something else.

    The external variable `mime` is the type that the file was taken for.
*/

rule Program
{
    meta:
        version = "1"
        description = "The file is a program for Windows, Linux or macOS"
        applies_to = "every type"

    condition:
        (uint16(0) == 0x5A4D and uint32(uint32(0x3C)) == 0x00004550)
        or uint32(0) == 0x464C457F
        or uint32(0) == 0xFEEDFACE or uint32(0) == 0xFEEDFACF
        or uint32(0) == 0xCEFAEDFE or uint32(0) == 0xCFFAEDFE
}

rule Program_In_File
{
    meta:
        version = "1"
        description = "A Windows program inside, or behind the end of, an image or a document"
        applies_to = "image/*, application/pdf, office documents"

    strings:
        $mz = "MZ"
        $stub = "This program cannot be run in DOS mode"

    condition:
        (
            mime startswith "image/" or mime == "application/pdf" or mime == "application/msword"
            or mime startswith "application/vnd.ms-" or mime startswith "application/vnd.o"
        )
        and $stub
        and for any i in (1..#mz) : (uint32(@mz[i] + uint32(@mz[i] + 0x3C)) == 0x00004550)
}
