namespace DurableGateway.Services;

/// <summary>One check: its result, and whether a client expects that result.</summary>
internal readonly record struct Observation(string What, string Seen, bool Good);

/// <summary>One round of a part's checks, directly at the service or through the gateway.</summary>
internal sealed class Exercise(Uri address, string lane, string directory)
{
    /// <summary>The address for the clients.</summary>
    public Uri Address => address;

    /// <summary>A name for what this round creates, so that the rounds do not conflict.</summary>
    public string Lane => lane;

    /// <summary>The directory of this round.</summary>
    public string Directory => directory;

    public List<Observation> Observations { get; } = [];

    public string Url(string target) => address.GetLeftPart(UriPartial.Authority) + target;

    /// <summary>Records a result, without the parts that differ in every round.</summary>
    public void See(string what, string seen, bool good = true) =>
        Observations.Add(new Observation(Normalize(what), Normalize(seen).Trim(), good));

    /// <summary>Runs a command, and records its status and, if requested, its output.</summary>
    public async Task<Output> TryAsync(string what, Func<Output, string>? see, int status, string file, params string[] args)
    {
        var output = await Command.RunAsync(directory, file, args);
        var good = output.Status == status;
        See(what, good ? $"exit {output.Status} {see?.Invoke(output)}" : $"exit {output.Status} {output.Text}\n{output.Error}", good);
        return output;
    }

    /// <summary>Runs a script that prints its checks: a name, a tab and the result.</summary>
    public async Task ScriptAsync(Tools tools, string script, params string[] args)
    {
        var start = Command.Start(directory, "node", [Path.Combine(AppContext.BaseDirectory, "scripts", script), .. args]);
        start.Environment["NODE_PATH"] = tools.NodeModules;
        var output = await Command.RunAsync(start, TimeSpan.FromSeconds(60));
        foreach (var line in output.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var tab = line.IndexOf('\t', StringComparison.Ordinal);
            See(line[..tab], line[(tab + 1)..], line[..tab] != "failed");
        }

        See("the script ends well", $"exit {output.Status} {output.Error}", output.Status == 0);
    }

    private string Normalize(string text) => text
        .Replace(address.Authority, "{address}", StringComparison.Ordinal)
        .Replace(directory, "{directory}", StringComparison.Ordinal)
        .Replace(lane, "{lane}", StringComparison.Ordinal);
}
