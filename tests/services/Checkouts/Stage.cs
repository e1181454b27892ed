namespace DurableGateway.Services.Checkouts;

/// <summary>Where in a call the service is killed.</summary>
internal enum Stage
{
    BeforeEffect,
    AfterEffect,
    AfterAnswer,
}
