namespace DurableGateway.Configuration;

/// <summary>The <c>Host</c> that the service of <c>--upstream</c> gets.</summary>
internal enum UpstreamHost
{
    /// <summary>The client's <c>Host</c>, for services that build or compare absolute URLs.</summary>
    Original,

    /// <summary>The host of the upstream's URL, for hosted services, which select their site by it.</summary>
    Destination,
}
