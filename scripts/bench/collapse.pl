#!/usr/bin/perl
# Folds the text of `perf script` in one pass, as scripts for flame graphs do: what `bench stacks` is measured against.
# Prints the number of samples, of distinct stacks and the sum of periods.
use strict;
use warnings;

my (%stacks, @frames, $who, $period, $samples, $total);
$samples = $total = 0;
while (my $line = <>) {
    if ($line =~ /^\t\s*[0-9a-f]+ (.+) \((.*)\)$/) {
        my ($name, $object) = ($1, $2);
        $name =~ s/\+0x[0-9a-f]+$//;
        $name = "[$object]" if $name eq '[unknown]';
        unshift @frames, $name;
    } elsif ($line eq "\n") {
        if (defined $who) {
            $stacks{join ';', $who, @frames} += $period;
            $samples++;
            $total += $period;
        }
        @frames = ();
        undef $who;
    } elsif ($line =~ /^(\S.*?)\s+(\d+)(?:\/(\d+))?\s+(?:\[\d+\]\s+)?[\d.]+:\s+(?:(\d+)\s+)?(\S+):\s*$/) {
        $who = defined $3 ? "$1-$2/$3" : "$1-$2";
        $period = $4 // 1;
    }
}
print "$samples ", scalar(keys %stacks), " $total\n";
