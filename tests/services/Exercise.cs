namespace DurableGateway.Services;

/// <summary>One thing that was tried: what came of it, and whether that is what a client hopes for.</summary>
internal readonly record struct Observation(string What, string Seen, bool Good);

/// <summary>One round of a part's checks, straight at the service or through the gateway.</summary>
internal sealed class Exercise(Uri address, string lane, string directory)
{
    /// <summary>Where the clients are sent.</summary>
    public Uri Address => address;

    /// <summary>A name for what this round makes, so that the rounds do not meet.</summary>
    public string Lane => lane;

    /// <summary>A directory of its own.</summary>
    public string Directory => directory;

    public List<Observation> Observations { get; } = [];

    public string Url(string target) => address.GetLeftPart(UriPartial.Authority) + target;

    /// <summary>Writes down what was seen, without what differs from round to round by its nature.</summary>
    public void See(string what, string seen, bool good = true) =>
        Observations.Add(new Observation(Normalize(what), Normalize(seen).Trim(), good));

    /// <summary>Runs a command and sees its status and, where asked for, what it said.</summary>
    public async Task<Output> TryAsync(string what, Func<Output, string>? see, int status, string file, params string[] args)
    {
        var output = await Command.RunAsync(directory, file, args);
        var good = output.Status == status;
        See(what, good ? $"exit {output.Status} {see?.Invoke(output)}" : $"exit {output.Status} {output.Text}\n{output.Error}", good);
        return output;
    }

    /// <summary>A script of ours tells its checks itself: name, tab, what it saw.</summary>
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
