namespace DurableGateway.Services;

/// <summary>What the suite needs: commands of the system, and packages that are installed outside the repository.</summary>
internal sealed class Tools
{
    private static readonly string Scripts = Path.Combine(AppContext.BaseDirectory, "scripts");

    private readonly string? _npmFailure;

    private Tools(string nodeModules, string? npmFailure)
    {
        NodeModules = nodeModules;
        _npmFailure = npmFailure;
    }

    public string NodeModules { get; }

    /// <summary>Installs the npm packages, unless an earlier run has installed them.</summary>
    public static async Task<Tools> PrepareAsync(bool npm)
    {
        var manifest = await File.ReadAllTextAsync(Path.Combine(Scripts, "package.json"));
        var version = Convert.ToHexStringLower(System.Security.Cryptography.SHA256
            .HashData(System.Text.Encoding.UTF8.GetBytes(manifest)))[..12];
        var directory = Path.Combine(Path.GetTempPath(), $"durable-gateway-services-{Environment.UserName}-{version}");
        var modules = Path.Combine(directory, "node_modules");
        var complete = Path.Combine(directory, "complete");
        if (!npm || File.Exists(complete)) return new Tools(modules, null);
        if (Command.Find("npm") is null) return new Tools(modules, "there is no npm");
        Directory.CreateDirectory(directory);
        await File.WriteAllTextAsync(Path.Combine(directory, "package.json"), manifest);
        var start = Command.Start(directory, "npm", "install", "--no-audit", "--no-fund", "--omit=dev");
        var output = await Command.RunAsync(start, TimeSpan.FromMinutes(5));
        if (output.Status != 0) return new Tools(modules, $"npm install says: {output.Last}");
        await File.WriteAllTextAsync(complete, "");
        return new Tools(modules, null);
    }

    /// <summary>Why a part with these needs cannot run here, or <see langword="null"/>.</summary>
    public string? Missing(IEnumerable<string> commands, bool needsNpm)
    {
        var absent = commands.Where(command => command.StartsWith('/') ? !File.Exists(command) : Command.Find(command) is null).ToArray();
        return absent.Length > 0 ? $"there is no {string.Join(", no ", absent)}" : needsNpm ? _npmFailure : null;
    }
}
