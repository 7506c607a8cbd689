# Where there is make, `make lab` is `python start.py lab`. `make help` lists the commands and their settings.

COMMANDS := help lab test test-browser notebooks site bench bench-labs bench-site lint clean
ANY_PYTHON := $(or $(PYTHON),$(if $(filter Windows_NT,$(OS)),python,python3))

.PHONY: $(COMMANDS)
$(COMMANDS):
	@$(ANY_PYTHON) start.py $@
