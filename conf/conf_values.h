/* From the text of a value to a field: one parser for each kind of value. All have the type
 * conf_parse_fn (conf_keys.h). Pure. */
#ifndef VPCE_CONF_CONF_VALUES_H
#define VPCE_CONF_CONF_VALUES_H

#include "conf/conf_keys.h"

/* By key->words, key->min and key->max; into the field at key->offset. */
conf_parse_fn conf_parse_word;            /* unsigned, enum, bool or uint8_t */
conf_parse_fn conf_parse_number;          /* unsigned or uint16_t */
conf_parse_fn conf_parse_timespan;        /* int64_t milliseconds */
conf_parse_fn conf_parse_timespan_or_off; /* off is 0 */

/* Into a char array at key->offset; "" where the fallback is "" or auto. */
conf_parse_fn conf_parse_region;
conf_parse_fn conf_parse_account_id;
conf_parse_fn conf_parse_hostname;
conf_parse_fn conf_parse_path; /* absolute */
conf_parse_fn conf_parse_hook;
conf_parse_fn conf_parse_group;
conf_parse_fn conf_parse_service_url; /* http:// or https://, or auto */

/* Those that set more than one field of struct conf (or struct conf_endpoint). */
conf_parse_fn conf_parse_vpc_cidrs;
conf_parse_fn conf_parse_subnets;
conf_parse_fn conf_parse_imds;
conf_parse_fn conf_parse_family;
conf_parse_fn conf_parse_second_opinion;
conf_parse_fn conf_parse_egress;
conf_parse_fn conf_parse_expect;

#endif
