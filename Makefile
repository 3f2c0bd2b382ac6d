# SPDX-License-Identifier: GPL-2.0
#
# The verbs of this tree; each is a script of the same name in scripts/ or lab/.

export BASE KERNEL CACHE SUITE O STOCK DEBUG ACCEL CONFIG T PARAMETERS LIMIT RAM INPUT PROFILE \
	EXTRA_CHECK UPDATE CHECK

VERBS := run run-camera shell test soak bench build-users check coverage mutate \
	 prepare build docs backport patches clean

.PHONY: help $(VERBS)
help:
	@sed -n 's/^#: \{0,1\}//p' scripts/common.sh

$(VERBS):
	@$(wildcard scripts/$@ lab/*/$@)
