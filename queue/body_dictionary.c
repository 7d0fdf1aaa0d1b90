#include "body_dictionary.h"

/* BODY_DICTIONARY is the file's path, from the build. */
__asm__(".section .rodata\n"
        ".global body_dictionary, body_dictionary_end\n"
        "body_dictionary: .incbin \"" BODY_DICTIONARY "\"\n"
        "body_dictionary_end: .byte 0\n"
        ".previous\n");
