/* Two files of one program, C and C++ in any mix. */
#include "conc.h"
#include "conc.h"
#ifdef __cplusplus
extern "C" {
#endif
void produce(send_chan(int) out, int n);
long consume(recv_chan(int) in);
extern conc_mutex shared_mutex;
extern conc_wg shared_wg;
#ifdef __cplusplus
}
#endif
