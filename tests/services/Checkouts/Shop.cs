using System.Diagnostics;
using System.Reflection;

namespace DurableGateway.Services.Checkouts;

/// <summary>A program that handles an order in three calls, and knows nothing of the gateway.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="Title">Its name in the table.</param>
/// <param name="Commands">The commands that it needs.</param>
/// <param name="NeedsNpm">Whether it needs npm packages.</param>
/// <param name="Start">How it is started.</param>
/// <param name="UsesProxy">Whether the listener is its proxy, and the addresses that it calls stay as they are.</param>
internal sealed record Shop(string Name, string Title, IReadOnlyList<string> Commands, bool NeedsNpm,
    Func<Tools, string, int, Partners, ProcessStartInfo> Start, bool UsesProxy = false)
{
    private static readonly string Scripts = Path.Combine(AppContext.BaseDirectory, "scripts");

    public static IReadOnlyList<Shop> All { get; } =
    [
        new("aspnet", "ASP.NET Core, HttpClient", ["dotnet"], NeedsNpm: false, StartAspNet),
        new("node", "node, OpenTelemetry's auto-instrumentation", ["node", "npm"], NeedsNpm: true, StartNode),
        new("python", "Python's standard library, one copied header", ["/usr/bin/python3"], NeedsNpm: false, StartPython),
        new("proxy", "ASP.NET Core, HttpClient, only HTTP_PROXY set", ["dotnet"], NeedsNpm: false, StartAspNet, UsesProxy: true),
    ];

    /// <summary>The shop of the sample <c>LegacyCheckout</c>, as it is.</summary>
    private static ProcessStartInfo StartAspNet(Tools tools, string directory, int port, Partners partners)
    {
        var assembly = typeof(Shop).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "ShopAssembly").Value!;
        var start = Command.Start(directory, "dotnet", assembly, "--urls", $"http://127.0.0.1:{port}", "--Logging:LogLevel:Default=Warning",
            $"--Partners:Payments={partners.Payments}", $"--Partners:Shipping={partners.Shipping}", $"--Partners:Mails={partners.Mails}");
        if (partners.Proxy is null) return start;

        // What it calls is on this machine, and is not to be excepted.
        start.Environment["HTTP_PROXY"] = partners.Proxy;
        start.Environment["NO_PROXY"] = start.Environment["no_proxy"] = "";
        return start;
    }

    private static ProcessStartInfo StartNode(Tools tools, string directory, int port, Partners partners)
    {
        var start = Command.Start(directory, "node",
            "--require", Path.Combine(tools.NodeModules, "@opentelemetry/auto-instrumentations-node/build/src/register.js"),
            Path.Combine(Scripts, "shop.js"), $"{port}", partners.Payments, partners.Shipping, partners.Mails);

        // There is no collector to send them to.
        foreach (var signal in new[] { "TRACES", "METRICS", "LOGS" }) start.Environment[$"OTEL_{signal}_EXPORTER"] = "none";
        return start;
    }

    private static ProcessStartInfo StartPython(Tools tools, string directory, int port, Partners partners) =>
        Command.Start(directory, "/usr/bin/python3", Path.Combine(Scripts, "shop.py"), $"{port}", partners.Payments, partners.Shipping,
            partners.Mails);
}
