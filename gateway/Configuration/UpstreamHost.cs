namespace DurableGateway.Configuration;

/// <summary>Which <c>Host</c> the service of <c>--upstream</c> is sent.</summary>
internal enum UpstreamHost
{
    /// <summary>The one that the client sent: for services that build absolute URLs or compare them.</summary>
    Original,

    /// <summary>The one of the upstream's URL: for hosted services, which find their site by it.</summary>
    Destination,
}
