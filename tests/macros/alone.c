#include "conc.h"
typedef int conc_header_alone; /* a translation unit must not be empty */
