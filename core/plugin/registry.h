/* Modules: loading, quarantine, start order, services, events. */
#ifndef CORE_PLUGIN_REGISTRY_H
#define CORE_PLUGIN_REGISTRY_H

#include "core/runtime/runtime.h"

#endif
