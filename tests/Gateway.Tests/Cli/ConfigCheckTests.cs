using System.Diagnostics;
using DurableGateway.Cli;
using DurableGateway.Configuration;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Cli;

/// <summary><c>gateway config check</c>: every error with its place, in the words of the start.</summary>
public sealed class ConfigCheckTests
{
    [Theory]
    [InlineData("orders.json", "no errors; 2 routes (1 durable), 2 clusters, policies default, orders")]
    [InlineData("legacy-api.json", "no errors; 2 routes (1 durable), 1 cluster, policies default, legacy")]
    [InlineData("internet.json", "no errors; 2 routes (1 durable), 1 cluster, policies default, public")]
    [InlineData("compose/gateway.json", "no errors; 1 route (1 durable), 1 cluster, policies bookings, default")]
    public async Task Sample_IsFine(string sample, string said)
    {
        var file = Path.Combine(AppContext.BaseDirectory, "config", sample);
        var (status, output, error) = await RunAsync("check", file);
        Assert.Equal((0, $"{file}: {said}{Environment.NewLine}", ""), (status, output, error));
    }

    [Fact]
    public async Task EveryError_HasItsPlace()
    {
        var lines = await CheckAsync("""
            // A comment, and commas at the end.
            {
              "$schema": "./durable-gateway.schema.json",
              "Durable": {
                "Leese": "00:00:10",
                "Listeners": { "Public": "8080" },
                "TrustedProxies": [ "10.0.0.0/8", "proxy" ],
                "policies": {
                  "größe": { "HoldClientFor": "5", "Retry": { "MaxAttemps": 3, } },
                },
                "Store": { "MinReplicas": 1 }
              },
              "ReverseProxy": {
                "Routes": {
                  "a": { "ClusterId": "nowhere", "Match": { "Path": "/{a" }, "Metadata": { "Durable.Polcy": "x" } },
                  "b": {
                    "ClusterId": "c", "Order": "first",
                    "Match": {},
                    "Metadata": { "Durable.RenamedFrom": "old, a" },
                    "Transforms": [ { "Foo": "bar" } ]
                  }
                },
                "Clusters": {
                  "c": {
                    "LoadBalancingPolicy": "Best",
                    "HttpRequest": { "ActivityTimeout": "soon" },
                    "Destinations": { "x": {} }
                  }
                }
              }
            }
            """);
        string[] expected =
        [
            "5:5: Durable:Leese: is set, but there is no such key; did you mean Lease?",
            "6:20: Durable:Listeners:Public: '8080' is not a listener;",
            "7:39: Durable:TrustedProxies:1: 'proxy' is neither",
            "9:18: Durable:Policies:größe:HoldClientFor: '5' is not a span of time between 00:00:00 and 00:10:00",
            "9:51: Durable:Policies:größe:Retry:MaxAttemps: is set, but there is no such key; did you mean MaxAttempts?",
            "11:16: Durable:Store:MinReplicas: '1' needs a Redis",
            "15:14: ReverseProxy:Routes:a:ClusterId: 'nowhere' is not a cluster",
            "15:49: ReverseProxy:Routes:a:Match:Path: Invalid path '/{a' for route 'a'.",
            "15:80: ReverseProxy:Routes:a:Metadata:Durable.Polcy: is set, but there is no such key; did you mean Durable.Policy?",
            "16:7: ReverseProxy:Routes:b: Unknown transform: Foo.",
            "16:7: ReverseProxy:Routes:b: Route 'b' requires Hosts or Path specified.",
            "17:27: ReverseProxy:Routes:b:Order: 'first' cannot be read",
            "19:23: ReverseProxy:Routes:b:Metadata:Durable.RenamedFrom: 'old, a' names 'a', which is a configured route",
            "25:9: ReverseProxy:Clusters:c:LoadBalancingPolicy: No matching ILoadBalancingPolicy found",
            "26:26: ReverseProxy:Clusters:c:HttpRequest:ActivityTimeout: 'soon' cannot be read",
            "27:27: ReverseProxy:Clusters:c:Destinations:x:Address: '' is not an absolute http:// or https:// URL",
        ];
        Assert.Equal(expected.Length, lines.Length);
        Assert.All(expected, start => Assert.Contains(lines, line => line.StartsWith(start, StringComparison.Ordinal)));
        Assert.Equal(lines.Select(Place).Order(), lines.Select(Place));

        static (int, int) Place(string line) => (Number(line.Split(':')[0]), Number(line.Split(':')[1]));
        static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("{\n  \"Durable\": { \"Lease\" \"00:00:10\" }\n}", "2:24: Durable: is not valid JSON: ")]
    [InlineData("{\n  \"ä\": oops\n}", "2:8: ä: is not valid JSON: 'o' is an invalid start of a value")]
    [InlineData("{ \"a\": 1", "1:9: a: is not valid JSON: ")]
    [InlineData("", "1:1: JSON: is not valid JSON: ")]
    [InlineData("[]", "1:1: JSON: is not an object; ")]
    [InlineData("{ \"a\": 1,\n  \"A\": 2 }", "2:3: A: is set twice, first in line 1; ")]
    [InlineData("{}", "1:1: ReverseProxy:Routes: has no route; ")]
    [InlineData("{ \"Durabel\": { \"Lease\": \"00:00:10\" } }", "1:3: Durabel: is not a known section; did you mean Durable?")]
    [InlineData("{ \"Policies\": { \"a\": { } } }",
        "1:3: Policies: is not a known section; move it into Durable: Durable:Policies")]
    public async Task FileOfNoUse_SaysWhere(string text, string start) =>
        Assert.StartsWith(start, Assert.Single(await CheckAsync(text)), StringComparison.Ordinal);

    /// <summary>YARP would overlook each of them.</summary>
    [Theory]
    [InlineData("Rout:r:Order", "1", "did you mean Routes?")]
    [InlineData("Routes:r:Transfroms:0:PathPrefix", "/a", "did you mean Transforms?")]
    [InlineData("Routes:r:Match:Methods_", "GET", "did you mean Methods?")]
    [InlineData("Routes:r:Match:Headers:0:Vaules:0", "x", "did you mean Values?")]
    [InlineData("Clusters:c:ClusterId", "c", "known here are Destinations")]
    [InlineData("Clusters:c:HealthCheck:Active:Intervall", "00:00:10", "did you mean Interval?")]
    [InlineData("Clusters:c:HttpClient:WebProxy:Adress", "http://p", "did you mean Address?")]
    [InlineData("Clusters:c:Destinations:d:Adress", "http://d", "did you mean Address?")]
    public void KeyOfTheProxy_ThatIsNone_IsRefused(string key, string value, string remedy)
    {
        var errors = new List<ConfigurationError>();
        ProxyKeys.Check(new ConfigurationBuilder().AddInMemoryCollection([new($"ReverseProxy:{key}", value)]).Build()
            .GetSection("ReverseProxy"), errors);
        Assert.Contains(remedy, Assert.Single(errors).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secret_IsNotRepeated()
    {
        var lines = await CheckAsync(
            """
            { "Durable": { "Keys": [ "hunter2" ], "Admin": { "ApiKey": "hunter2" },
              "Store": { "ConnectionString": "password=hunter2" } } }
            """);
        Assert.Equal(3, lines.Length);
        Assert.All(lines, line => Assert.DoesNotContain("hunter2", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("check", "/no/such/file.json")]
    [InlineData("check")]
    [InlineData("chekc", "x")]
    public async Task WrongCommandLine_IsSaid(params string[] args)
    {
        var (status, output, error) = await RunAsync(args);
        Assert.Equal((2, ""), (status, output));
        Assert.NotEmpty(error);
    }

    [Fact]
    public async Task Program_ExitsWithTheStatus()
    {
        var (status, said) = await GatewayProcess.RunAsync("config", "check",
            Path.Combine(AppContext.BaseDirectory, "config", "orders.json"));
        Assert.Equal(0, status);
        Assert.Contains("no errors", said, StringComparison.Ordinal);
        (status, said) = await GatewayProcess.RunAsync("config", "check",
            Path.Combine(AppContext.BaseDirectory, "gateway.runtimeconfig.json"));
        Assert.Equal(2, status);
        Assert.Contains("ReverseProxy:Routes", said, StringComparison.Ordinal);
    }

    /// <summary>A setting of the environment is no part of the file, unless it is asked for.</summary>
    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 0)]
    public async Task Environment_IsReadWhereItIsAskedFor(bool asked, int expected)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, """
                {
                  "Durable": { "Listeners": { "Control": "http://*:8081" } },
                  "ReverseProxy": {
                    "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/{**rest}" } } },
                    "Clusters": { "c": { "Destinations": { "d": { "Address": "http://localhost:5000" } } } }
                  }
                }
                """);
            string[] args = [Path.Combine(AppContext.BaseDirectory, "gateway.dll"), "config", "check", file,
                .. asked ? new[] { "--environment" } : []];
            var start = new ProcessStartInfo("dotnet", args)
            {
                RedirectStandardOutput = true,
                Environment = { ["Durable__Admin__ApiKeys__0"] = "hunter2-hunter2" },
            };
            using var process = Process.Start(start)!;
            var said = await process.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal(expected, process.ExitCode);
            Assert.Equal(!asked, said.Contains(":2:31: Durable:Listeners:Control: ", StringComparison.Ordinal));
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Checks a file that is wrong; answers what is said, without the file's name.</summary>
    private static async Task<string[]> CheckAsync(string text)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, text);
            var (status, output, error) = await RunAsync("check", file);
            Assert.Equal((2, ""), (status, error));
            var lines = output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);
            Assert.All(lines, line => Assert.StartsWith(file + ":", line, StringComparison.Ordinal));
            return [.. lines.Select(line => line[(file.Length + 1)..])];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<(int Status, string Output, string Error)> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var status = await ConfigCommand.RunAsync([ConfigCommand.Name, .. args], output, error);
        return (status, output.ToString(), error.ToString());
    }
}
