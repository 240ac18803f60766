/* The registers of a traced task, as user space names them. Part of bpfc. */
#ifndef _UAPI_LINUX_PTRACE_H
#define _UAPI_LINUX_PTRACE_H

#include <linux/types.h>
#include <asm/ptrace.h>

#endif
