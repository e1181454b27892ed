using DurableGateway.Configuration;

namespace DurableGateway.Tests.Configuration;

[Trait("Category", "Unit")]
public sealed class StartOptionsTests
{
    [Theory]
    [InlineData("--upstream", "http://localhost:5000")]
    [InlineData("--upstream=http://localhost:5000")]
    public void Upstream_IsTaken_InBothSpellings(params string[] args)
    {
        var options = StartOptions.Parse([.. args, "--Durable:Lease=00:00:05"]);
        Assert.Equal("http://localhost:5000", options.Upstream);
        Assert.Equal(["--Durable:Lease=00:00:05"], options.Rest);
        Assert.Null(options.ConfigFile);
    }

    [Fact]
    public void Upstream_StandsForOneDurableRouteOverEverything()
    {
        var routes = StartOptions.Parse(["--upstream", "http://localhost:5000"]).Settings().ToDictionary();
        Assert.Equal("{**path}", routes["ReverseProxy:Routes:upstream:Match:Path"]);
        Assert.Equal("default", routes["ReverseProxy:Routes:upstream:Metadata:Durable.Policy"]);
        Assert.Equal("http://localhost:5000", routes["ReverseProxy:Clusters:upstream:Destinations:upstream:Address"]);
    }

    [Theory]
    [InlineData("http://*:9000", "--port", "9000")]
    [InlineData("http://127.0.0.1:8080", "--host", "127.0.0.1")]
    [InlineData("http://[::1]:0", "--host=::1", "--port=0")]
    public void PortAndHost_AreThePublicListener(string address, params string[] args) =>
        Assert.Equal(address, StartOptions.Parse(args).Settings().ToDictionary()["Durable:Listeners:Public"]);

    [Theory]
    [InlineData("http://localhost:5000", false)]
    [InlineData("http://orders.internal", false)]
    [InlineData("https://localhost:5001", false)]
    [InlineData("https://10.0.0.7", false)]
    [InlineData("https://api.example.com", true)]
    [InlineData("https://api.example.com", false, "--upstream-host", "original")]
    [InlineData("http://orders.internal", true, "--upstream-host=Destination")]
    public void UpstreamHost_IsThatOfTheDestination_WhereTheServiceIsHosted(string upstream, bool isDestination, params string[] args)
    {
        var settings = StartOptions.Parse(["--upstream", upstream, .. args]).Settings().ToDictionary();
        Assert.Equal(isDestination ? "false" : null,
            settings.GetValueOrDefault("ReverseProxy:Routes:upstream:Transforms:0:RequestHeaderOriginalHost"));
    }

    [Theory]
    [InlineData("--upsteam=http://localhost", "did you mean --upstream?")]
    [InlineData("--Durabel:Lease=1", "did you mean Durable?")]
    [InlineData("--urls=http://localhost:1", "--port and --host")]
    public void UnknownOption_NamesTheOneThatWasMeant(string arg, string remedy) =>
        Assert.Contains(remedy, Assert.Single(Assert.Throws<ConfigurationException>(() => StartOptions.Parse([arg])).Errors).Remedy,
            StringComparison.Ordinal);

    [Fact]
    public void Config_BecomesAnAbsolutePath()
    {
        var file = Path.GetTempFileName();
        try
        {
            var relative = Path.GetRelativePath(Environment.CurrentDirectory, file);
            Assert.Equal(file, StartOptions.Parse(["--config", relative]).ConfigFile);
            Assert.Equal(file, StartOptions.Parse([$"--config={relative}"]).ConfigFile);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void NoOption_LeavesEverythingToConfiguration()
    {
        string[] args = ["--Durable:Lease", "00:00:05", "--reverseproxy:Routes:a:ClusterId=c", "Logging:LogLevel:Default=Debug",
            "--OTEL_SERVICE_NAME=g", "--environment", "Development"];
        var options = StartOptions.Parse(args);
        Assert.Equal((null, null), (options.Upstream, options.ConfigFile));
        Assert.Equal(args, options.Rest);
        Assert.Empty(options.Settings());
    }

    [Theory]
    [InlineData("--upstream", null, "--upstream")]
    [InlineData("--config", null, "--config")]
    [InlineData("--upstream", "localhost:5000", "--upstream", "localhost:5000")]
    [InlineData("--upstream", "ftp://host", "--upstream=ftp://host")]
    [InlineData("--upstream", "", "--upstream=")]
    [InlineData("--config", "/nowhere/at/all.json", "--config", "/nowhere/at/all.json")]
    [InlineData("command line", "chekc", "chekc", "file.json")]
    [InlineData("command line", "--upstreams", "--upstreams=http://localhost:5000")]
    [InlineData("command line", "--prot", "--prot", "8080")]
    [InlineData("command line", "--urls", "--urls", "http://localhost:5000")]
    [InlineData("command line", "--Durabel:Lease", "--Durabel:Lease=00:00:05")]
    [InlineData("command line", "upstream", "upstream=http://localhost:5000")]
    [InlineData("--port", "99999", "--port", "99999")]
    [InlineData("--port", "http", "--port", "http")]
    [InlineData("--host", "my.machine", "--host", "my.machine")]
    [InlineData("--port", "80", "--port", "80", "--Durable:Listeners:Public=http://*:81")]
    [InlineData("--upstream-host", "other", "--upstream", "http://localhost:5000", "--upstream-host", "other")]
    [InlineData("--upstream-host", "original", "--upstream-host", "original")]
    [InlineData("command line", "run", "--upstream", "http://localhost:5000", "run")]
    public void Wrong_NamesOptionValueAndRemedy(string key, string? value, params string[] args)
    {
        var error = Assert.Single(Assert.Throws<ConfigurationException>(() => StartOptions.Parse(args)).Errors);
        Assert.Equal((key, value), (error.Key, error.Value));
        Assert.NotEmpty(error.Remedy);
    }
}
