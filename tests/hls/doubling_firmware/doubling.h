#ifndef DOUBLING_H_
#define DOUBLING_H_

#include "ap_fixed.h"

void doubling(ap_fixed<8, 4, AP_RND, AP_SAT> constituents[6], ap_fixed<12, 8> sums[2]);

#endif
