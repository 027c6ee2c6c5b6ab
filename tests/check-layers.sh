#!/bin/sh
# check-layers.sh: includes point only left along the dataflow, and a third-party library is seen by
# its own stage alone.  The build enforces the folders; this covers what lies in /usr/include.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=0

# sources FOLDER...: C files and headers, none where a folder is not there
sources() { find "$@" -name '*.[ch]' 2>/dev/null | sort; }

# forbid PATTERN REASON FILE...: complains of every include in FILEs that matches
forbid() {
  pattern=$1 reason=$2
  shift 2
  [ $# -gt 0 ] || return 0
  if grep -nHE "^[[:space:]]*#[[:space:]]*include[[:space:]]+[<\"]($pattern)[>\"]" "$@"; then
    echo "  ^ $reason"
    failed=1
  fi
}

# only PATTERN FOLDER REASON [FILE]: PATTERN may be included in FOLDER and in FILE, nowhere else
only() {
  # shellcheck disable=SC2046  # names without spaces
  forbid "$1" "$3" $(sources loaders analyzer db plots trainer cli entroscope.h |
    grep -v -e "^$2/" -e "^${4:-$2/}")
}

# the stages, in the order of the dataflow
# shellcheck disable=SC2046
{
  forbid '(entro-(analyzer|store|plot|trainer)|(analyzer|db|layout|figure|view|trainer)-private|command)\.h' \
    'loaders see no other stage' $(sources loaders)
  forbid '(entro-(store|plot|trainer)|(db|layout|figure|view|trainer|loader)-private|command)\.h' \
    'the analyzer sees the loaders, by their public header' $(sources analyzer)
  forbid '(entro-(plot|trainer)|(analyzer|layout|figure|view|trainer|loader)-private|command)\.h' \
    'the database sees loaders and analyzer, by their public headers' $(sources db)
  forbid '(entro-trainer|(analyzer|db|loader|trainer)-private|command)\.h' \
    'plots see loaders, analyzer and database, by their public headers' $(sources plots)
  forbid '(entro-(analyzer|store|plot)|(analyzer|db|layout|figure|view|loader)-private|command)\.h' \
    'the trainer sees the public header of the loaders' $(sources trainer)
  forbid '.*-private\.h' 'the program uses public headers only' $(sources cli)
}

# libraries
only 'hdf5[^>"]*|H5.*' loaders 'HDF5 belongs to the loaders'
only 'libdeflate\.h' loaders 'libdeflate belongs to the loaders'
only 'lzf\.h' loaders 'LibLZF belongs to the loaders'
only 'zlib\.h' loaders 'zlib belongs to the loaders'
only 'gsl/gsl_errno\.h' analyzer 'GSL belongs to the analyzer, but for its error handler' cli/main.c
only 'gsl/gsl_([^e]|e[^r]).*' analyzer 'GSL belongs to the analyzer'
only 'sqlite3.*\.h' db 'SQLite belongs to the database'
only '(cairo|pango).*' plots 'cairo and pango belong to the plots'
only '(cblas|openblas|lapack).*\.h' trainer 'BLAS belongs to the trainer, and to the queries of the analyzer' analyzer/queries
only 'omp\.h' trainer 'OpenMP belongs to the trainer'
only 'pthread\.h' analyzer/ring.c 'threads live in analyzer/ring.c' analyzer/ring.c
exit $failed
