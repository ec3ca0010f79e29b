// SPDX-License-Identifier: LGPL-2.1-or-later
// The debug category of lightavseg: GST_DEBUG=lightavseg:5. LOG tells of each buffer, DEBUG of each
// decision, INFO of negotiation and models.
#pragma once

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN(lightavseg_debug);
#define GST_CAT_DEFAULT lightavseg_debug
