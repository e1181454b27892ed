namespace DurableGateway.Configuration;

/// <summary>Finds the intended name for a misspelled one.</summary>
internal static class Spelling
{
    /// <summary>The error message for an unknown key.</summary>
    public static string NoSuchKey(string key, IReadOnlyCollection<string> known) =>
        $"is set, but there is no such key; {(Nearest(key, known) is { } meant ? $"did you mean {meant}? Known" : "known")} here are "
        + $"{string.Join(", ", known.Order())}";

    /// <summary>The most similar known name. Up to a third of the letters may be wrong.</summary>
    /// <returns><see langword="null"/> if no name is similar.</returns>
    public static string? Nearest(string name, IEnumerable<string> known) => known
        .Select(candidate => (Name: candidate, Distance: Distance(name.ToUpperInvariant(), candidate.ToUpperInvariant())))
        .Where(candidate => candidate.Distance * 3 <= Math.Max(name.Length, candidate.Name.Length))
        .OrderBy(candidate => candidate.Distance).ThenBy(candidate => candidate.Name, StringComparer.Ordinal)
        .FirstOrDefault().Name;

    /// <summary>Counts added, missing and wrong letters. Two swapped letters count as one.</summary>
    private static int Distance(string a, string b)
    {
        var cost = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    cost[i, j] = i + j;
                    continue;
                }

                cost[i, j] = Math.Min(Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1, cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
            }
        }

        return cost[a.Length, b.Length];
    }
}
