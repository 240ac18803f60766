/* Error numbers; a BPF program has no errno. Part of bpfc. */
#ifndef _ERRNO_H
#define _ERRNO_H

#include <asm/errno.h>

#endif
