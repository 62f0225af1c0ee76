// Owns the completion scripts for bash, zsh and fish. They ask `vgrun completion --candidates` and quote, never run,
// what it answers. The first line of the answer is a word: `words` (what follows is all), `files` or `commands` (these
// too); then one candidate a line, with a tab before what it is about.

const bash = `# Completion of vgrun for bash: source <(vgrun completion bash)
_vgrun() {
  local line=\${COMP_LINE:0:COMP_POINT} i word strip='' kind candidate
  local -a words=() answer=()
  # bash breaks words at = and :, so what is not parted by a space is put together again.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i > 0)) && [[ $line != [[:space:]]* ]]; then
      ((i == COMP_CWORD)) && word=$line
      words[\${#words[@]}-1]+=$word
    else
      line=\${line#"\${line%%[![:space:]]*}"}
      ((i == COMP_CWORD)) && word=$line
      words+=("$word")
    fi
    line=\${line#"$word"}
  done
  word=\${words[\${#words[@]}-1]}
  mapfile -t answer < <(command vgrun completion --candidates -- "\${words[@]:1}" 2>/dev/null)
  COMPREPLY=()
  kind=\${answer[0]-files}
  # What readline replaces begins after the last break.
  if [[ $COMP_WORDBREAKS == *=* && $word == *=* ]]; then strip=\${word%"\${word##*=}"}; fi
  for candidate in "\${answer[@]:1}"; do
    candidate=\${candidate%%$'\\t'*}
    [[ $candidate == *[=,] ]] && compopt -o nospace
    COMPREPLY+=("\${candidate#"$strip"}")
  done
  if [[ $kind == commands && $word != */* ]]; then
    compopt -o filenames
    mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$word"; compgen -d -- "$word")
  elif [[ $kind == words ]]; then
    compopt +o default
  elif ((\${#COMPREPLY[@]} > 0)); then
    mapfile -t answer < <(compgen -f -- "\${word#"$strip"}")
    if ((\${#answer[@]} > 0)); then
      compopt -o filenames
      COMPREPLY+=("\${answer[@]}")
    fi
  fi
}
complete -o default -F _vgrun vgrun
`;

const zsh = `#compdef vgrun
# Completion of vgrun for zsh: source <(vgrun completion zsh), after compinit
_vgrun() {
  local -a answer texts shown open open_shown
  local kind line text
  answer=("\${(@f)$(command vgrun completion --candidates -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  kind=\${answer[1]:-files}
  for line in "\${(@)answer[2,-1]}"; do
    text=\${line%%$'\\t'*}
    if [[ $text == *[=,] ]]; then
      open+=("$text") open_shown+=("\${line/$'\\t'/  -- }")
    else
      texts+=("$text") shown+=("\${line/$'\\t'/  -- }")
    fi
  done
  ((\${#texts})) && compadd -l -d shown -- "\${(@)texts}"
  ((\${#open})) && compadd -l -S '' -d open_shown -- "\${(@)open}"
  case $kind in
    commands) _command_names -e; _files ;;
    files) compset -P '*='; _files ;;
  esac
}
if [[ $funcstack[1] == _vgrun ]]; then _vgrun "$@"; else compdef _vgrun vgrun; fi
`;

const fish = `# Completion of vgrun for fish: vgrun completion fish | source
function __vgrun_ask
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    # Asked once for what is on the line, whoever asks first.
    set -l line (commandline -cp | string collect)
    if not set -q __vgrun_line; or test "$line" != "$__vgrun_line"
        set -g __vgrun_line $line
        set -g __vgrun_answer (command vgrun completion --candidates -- $words[2..-1] "$current" 2>/dev/null)
    end
end
function __vgrun_kind
    __vgrun_ask
    test "$__vgrun_answer[1]" = "$argv[1]"
end
function __vgrun_candidates
    __vgrun_ask
    printf '%s\\n' $__vgrun_answer[2..-1]
end
complete -c vgrun -e
complete -c vgrun -f -a '(__vgrun_candidates)'
complete -c vgrun -n '__vgrun_kind files' -F
complete -c vgrun -n '__vgrun_kind commands' -F -a '(__fish_complete_command)'
`;

/** Each shell's script. */
export const completionScripts: ReadonlyMap<string, string> = new Map([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
]);
