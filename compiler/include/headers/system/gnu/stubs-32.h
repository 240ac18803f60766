/* The C library of a 64-bit system asks for this where no __x86_64__ is defined, as for BPF. Part of bpfc. */
#ifndef _GNU_STUBS_32_H
#define _GNU_STUBS_32_H

/* Nothing is left out that a BPF program could call. */

#endif
