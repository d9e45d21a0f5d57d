# For fingers that type `make`: everything is in run.py.
.PHONY: demo test check bench
demo test check bench:
	python3 run.py $@
