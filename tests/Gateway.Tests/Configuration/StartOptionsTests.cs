using DurableGateway.Configuration;

namespace DurableGateway.Tests.Unit;

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
        var routes = StartOptions.Parse(["--upstream", "http://localhost:5000"]).UpstreamRoutes().ToDictionary();
        Assert.Equal("{**path}", routes["ReverseProxy:Routes:upstream:Match:Path"]);
        Assert.Equal("default", routes["ReverseProxy:Routes:upstream:Metadata:Durable.Policy"]);
        Assert.Equal("http://localhost:5000", routes["ReverseProxy:Clusters:upstream:Destinations:upstream:Address"]);
    }

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
        var options = StartOptions.Parse(["--Urls", "x", "--upstreams=1"]);
        Assert.Equal((null, null), (options.Upstream, options.ConfigFile));
        Assert.Equal(["--Urls", "x", "--upstreams=1"], options.Rest);
    }

    [Theory]
    [InlineData("--upstream", null, "--upstream")]
    [InlineData("--config", null, "--config")]
    [InlineData("--upstream", "localhost:5000", "--upstream", "localhost:5000")]
    [InlineData("--upstream", "ftp://host", "--upstream=ftp://host")]
    [InlineData("--upstream", "", "--upstream=")]
    [InlineData("--config", "/nowhere/at/all.json", "--config", "/nowhere/at/all.json")]
    [InlineData("command line", "chekc", "chekc", "file.json")]
    [InlineData("command line", "run", "--upstream", "http://localhost:5000", "run")]
    public void Wrong_NamesOptionValueAndRemedy(string key, string? value, params string[] args)
    {
        var error = Assert.Single(Assert.Throws<ConfigurationException>(() => StartOptions.Parse(args)).Errors);
        Assert.Equal((key, value), (error.Key, error.Value));
        Assert.NotEmpty(error.Remedy);
    }
}
