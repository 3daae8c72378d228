/*
    Programs in files that are called something else.

    The external variable `mime` is the type that the file was taken for, and `is_start` tells its first window.
*/

rule Program
{
    meta:
        version = "1"
        description = "The file is a program for Windows, Linux or macOS"
        applies_to = "every type"

    condition:
        is_start and (
        (uint16(0) == 0x5A4D and uint32(uint32(0x3C)) == 0x00004550)
        or uint32(0) == 0x464C457F
        or uint32(0) == 0xFEEDFACE or uint32(0) == 0xFEEDFACF
        or uint32(0) == 0xCEFAEDFE or uint32(0) == 0xCFFAEDFE
        )
}

rule Program_In_File
{
    meta:
        version = "1"
        description = "A Windows program inside, or behind the end of, an image or a document"
        applies_to = "image/*, application/pdf, office documents"

    strings:
        // What a linker puts between the old header and the new one; a short string such as "MZ" is everywhere in
        // compressed data, and slows the whole scan to a tenth.
        $program = /This program cannot be run in DOS mode.{1,400}PE\x00\x00/s

    condition:
        (
            mime startswith "image/" or mime == "application/pdf" or mime == "application/msword"
            or mime startswith "application/vnd.ms-" or mime startswith "application/vnd.o"
        )
        and $program
}
