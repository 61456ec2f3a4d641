#include "doubling.h"

void doubling(ap_fixed<8, 4, AP_RND, AP_SAT> constituents[6], ap_fixed<12, 8> sums[2]) {
    sums[0] = 0;
    for (int i = 0; i < 6; i++)
        sums[0] += constituents[i];
    sums[1] = sums[0] * 2;
}
