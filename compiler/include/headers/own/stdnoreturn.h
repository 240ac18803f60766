/* C17 7.23. Part of bpfc. */
#ifndef __STDNORETURN_H
#define __STDNORETURN_H

#define noreturn _Noreturn

#endif
